//! The same solution in plain tensor operations: Gauss and Jordan's elimination, column by column.

use burn::tensor::Tensor;

/// As [`super::solve`]; gradients come from autodiff.
pub fn solve(matrices: Tensor<3>, right: Tensor<3>) -> Tensor<3> {
    let [batch, rows, size] = right.dims();
    let entry = |row: usize, column: usize| {
        let at = row * size + column;
        matrices.clone().slice([0..batch, 0..rows, at..at + 1])
    };
    // One equation per unknown, its right-hand side last.
    let mut equations: Vec<Tensor<3>> = (0..size)
        .map(|row| {
            let mut equation: Vec<_> =
                (0..size).map(|column| (entry(row, column) + entry(column, row)) * 0.5).collect();
            equation.push(right.clone().slice([0..batch, 0..rows, row..row + 1]));
            Tensor::cat(equation, 2)
        })
        .collect();
    let coefficient =
        |equation: &Tensor<3>, column: usize| equation.clone().slice([0..batch, 0..rows, column..column + 1]);
    for pivot in 0..size {
        let scaled = equations[pivot].clone() / coefficient(&equations[pivot], pivot);
        for (row, equation) in equations.iter_mut().enumerate() {
            *equation = if row == pivot {
                scaled.clone()
            } else {
                equation.clone() - scaled.clone() * coefficient(equation, pivot)
            };
        }
    }
    Tensor::cat(equations.iter().map(|equation| coefficient(equation, size)).collect(), 2)
}
