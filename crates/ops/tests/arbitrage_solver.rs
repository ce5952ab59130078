//! The optimal arbitrage against an independent convex solver.
//!
//! Largest profit `sum (out_i - in_i)` (in value, pool value 1) subject to `sum w_i ln(1 + (gamma in_i - out_i) / v_i) >= 0`
//! with exponential cones (spec 12.2).
#![allow(clippy::unwrap_used)]

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT::ExponentialConeT,
    SupportedConeT::NonnegativeConeT,
};
use gradpool_ops::arbitrage::{Arbitrageur, Meeting};
use gradpool_ops::{CheckedInputs, Costs};
use proptest::prelude::*;

/// Profit and reserves after the best trade, in value; the pool has value shares `shares` and weights `weights`. `None` where
/// the solver does not reach 1e-10 itself.
fn solved(shares: &[f64], weights: &[f64], fee: f64) -> Option<(f64, Vec<f64>)> {
    let assets = shares.len();
    let (out, into, logs) = (|i| i, |i: usize| assets + i, |i: usize| 2 * assets + i);
    let mut entries: Vec<(usize, usize, f64)> = Vec::new();
    let mut right = Vec::new();
    for variable in 0..2 * assets {
        entries.push((right.len(), variable, -1.0));
        right.push(0.0);
    }
    entries.extend((0..assets).map(|i| (right.len(), logs(i), -weights[i])));
    right.push(0.0);
    for i in 0..assets {
        let row = right.len();
        entries.push((row, logs(i), -1.0));
        entries.push((row + 2, out(i), 1.0));
        entries.push((row + 2, into(i), fee - 1.0));
        right.extend([0.0, 1.0, 1.0]);
    }
    // What leaves and enters counts in shares of the token's own reserve.
    let paid = |variable: usize| match variable / assets {
        0 => -shares[variable],
        1 => shares[variable - assets],
        _ => 0.0,
    };
    let profit: Vec<f64> = (0..3 * assets).map(paid).collect();
    let (rows, columns, values): (Vec<_>, Vec<_>, Vec<_>) = {
        let (mut rows, mut columns, mut values) = (vec![], vec![], vec![]);
        for (row, column, value) in entries {
            rows.push(row);
            columns.push(column);
            values.push(value);
        }
        (rows, columns, values)
    };
    let constraints = CscMatrix::new_from_triplets(right.len(), 3 * assets, rows, columns, values);
    let mut cones = vec![NonnegativeConeT(2 * assets + 1)];
    cones.extend((0..assets).map(|_| ExponentialConeT()));
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .max_iter(200)
        .tol_gap_abs(1e-12)
        .tol_gap_rel(1e-12)
        .tol_feas(1e-12)
        .build()
        .unwrap();
    let nothing = CscMatrix::zeros((3 * assets, 3 * assets));
    let mut solver = DefaultSolver::new(&nothing, &profit, &constraints, &right, &cones, settings).unwrap();
    solver.solve();
    let solution = &solver.solution;
    assert!(
        matches!(solution.status, SolverStatus::Solved | SolverStatus::AlmostSolved),
        "{:?}: {shares:?} {weights:?} {fee}",
        solution.status
    );
    let after = (0..assets).map(|i| shares[i] * (1.0 - solution.x[out(i)] + solution.x[into(i)])).collect();
    let reached = (solution.obj_val - solution.obj_val_dual).abs().max(solution.r_prim).max(solution.r_dual);
    (reached < 1e-10).then_some((-solution.obj_val, after))
}

fn pools() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, f64)> {
    let token = (0.05..1.0f64, 0.6..1.6f64);
    let fees = prop_oneof![1e-5..1e-3f64, 1e-3..0.3f64];
    (prop::collection::vec(token, 2..9), fees).prop_map(|(tokens, fee)| {
        let total: f64 = tokens.iter().map(|token| token.0).sum();
        let value: f64 = tokens.iter().map(|token| token.0 * token.1).sum();
        let weights = tokens.iter().map(|token| token.0 / total).collect();
        (tokens.iter().map(|token| token.0 * token.1 / value).collect(), weights, fee)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn water_filling_finds_what_a_solver_finds((shares, weights, fee) in pools()) {
        let prices = vec![1.0; shares.len()];
        let mut pool = Arbitrageur::new(&Costs { fee_rate: fee, ..Costs::default() }, CheckedInputs::default(), &shares).unwrap();
        let (row, fee_rate, rests) = (0, None, false);
        pool.visit(&Meeting { row, fee_rate, weights_before: &weights, weights: &weights, prices: &prices, rests });
        let solved = solved(&shares, &weights, fee);
        prop_assume!(solved.is_some());
        let (profit, after) = solved.unwrap_or_default();
        let found = pool.trading().arbitrage_loss_net;
        prop_assert!((found - profit).abs() < 1e-9, "profit {found} {profit}");
        for (found, after) in pool.reserves().iter().zip(&after) {
            // The profit is flat at its top: a trade is known to the root of what the profit is.
            prop_assert!((found - after).abs() < 1e-5, "{:?} {after:?}", pool.reserves());
        }
    }
}
