//! Cholesky's factorisation, one small matrix at a time, in double precision whatever the tensor's type.

use crate::backend::{Real, View, run};

/// Rows that one task takes.
const ROWS_PER_TASK: usize = 256;

/// A factorised matrix and scratch space for solutions.
struct Factor {
    size: usize,
    /// Lower triangle, row-major.
    lower: Vec<f64>,
    solution: Vec<f64>,
}

impl Factor {
    fn new(size: usize) -> Self {
        Self { size, lower: vec![0.0; size * size], solution: vec![0.0; size] }
    }

    /// Takes the symmetric part of a matrix. A negative pivot turns to NaN and stays visible in the solution.
    fn take<F: Real>(&mut self, matrix: &[F]) {
        let n = self.size;
        for i in 0..n {
            for j in 0..=i {
                let mut value = 0.5 * (matrix[i * n + j].wide() + matrix[j * n + i].wide());
                for k in 0..j {
                    value -= self.lower[i * n + k] * self.lower[j * n + k];
                }
                self.lower[i * n + j] = if i == j { value.sqrt() } else { value / self.lower[j * n + j] };
            }
        }
    }

    /// Solves for one right-hand side.
    fn solve<F: Real>(&mut self, right: &[F]) -> &[f64] {
        let n = self.size;
        for i in 0..n {
            let mut value = right[i].wide();
            for k in 0..i {
                value -= self.lower[i * n + k] * self.solution[k];
            }
            self.solution[i] = value / self.lower[i * n + i];
        }
        for i in (0..n).rev() {
            let mut value = self.solution[i];
            for k in i + 1..n {
                value -= self.lower[k * n + i] * self.solution[k];
            }
            self.solution[i] = value / self.lower[i * n + i];
        }
        &self.solution
    }
}

/// Elementary steps of `rows` solutions, roughly.
fn work(rows: usize, size: usize) -> usize {
    rows * size * size * (size + 4)
}

pub(super) fn forward<F: Real>(matrices: View<'_, F>, right: View<'_, F>, output: &mut [F]) {
    let size = right.shape[2];
    let rows = output.len() / size;
    let tasks = output.chunks_mut(ROWS_PER_TASK * size).enumerate().collect();
    run(tasks, work(rows, size), |(task, output): (usize, &mut [F])| {
        let mut factor = Factor::new(size);
        let first = task * ROWS_PER_TASK;
        for (row, output) in output.chunks_exact_mut(size).enumerate() {
            let row = first + row;
            factor.take(&matrices.values[row * size * size..][..size * size]);
            for (output, value) in output.iter_mut().zip(factor.solve(&right.values[row * size..][..size])) {
                *output = F::of(*value);
            }
        }
    });
}

pub(super) fn backward<F: Real>(
    matrices: View<'_, F>,
    solution: View<'_, F>,
    cotangent: View<'_, F>,
    to_matrices: Option<&mut [F]>,
    to_right: Option<&mut [F]>,
) {
    let size = solution.shape[2];
    let rows = solution.values.len() / size;
    let count = rows.div_ceil(ROWS_PER_TASK);
    let to_matrices = chunked(to_matrices, count, ROWS_PER_TASK * size * size);
    let to_right = chunked(to_right, count, ROWS_PER_TASK * size);
    let tasks = to_matrices.into_iter().zip(to_right).enumerate().collect();
    run(tasks, 2 * work(rows, size), |(task, (mut to_matrices, mut to_right))| {
        let mut factor = Factor::new(size);
        let first = task * ROWS_PER_TASK;
        for row in first..rows.min(first + ROWS_PER_TASK) {
            factor.take(&matrices.values[row * size * size..][..size * size]);
            let adjoint = factor.solve(&cotangent.values[row * size..][..size]);
            let here = row - first;
            if let Some(to_right) = &mut to_right {
                for (total, value) in to_right[here * size..][..size].iter_mut().zip(adjoint) {
                    *total += F::of(*value);
                }
            }
            if let Some(to_matrices) = &mut to_matrices {
                let x = &solution.values[row * size..][..size];
                let matrix = &mut to_matrices[here * size * size..][..size * size];
                for i in 0..size {
                    for j in 0..size {
                        let slope = adjoint[i] * x[j].wide() + adjoint[j] * x[i].wide();
                        matrix[i * size + j] += F::of(-0.5 * slope);
                    }
                }
            }
        }
    });
}

/// The chunks of a gradient that is wanted, or as many times nothing.
fn chunked<F>(values: Option<&mut [F]>, count: usize, length: usize) -> Vec<Option<&mut [F]>> {
    match values {
        Some(values) => values.chunks_mut(length).map(Some).collect(),
        None => (0..count).map(|_| None).collect(),
    }
}
