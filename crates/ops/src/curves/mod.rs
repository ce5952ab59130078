//! Pools of two tokens that are not weighted pools: CoW's FM-AMM, Gyroscope's E-CLP and Balancer's reCLAMM.
//!
//! Each pool is one file with its formulas ([`FmAmm`], [`Eclp`], [`Reclamm`]), written once over the numbers that it computes
//! with. A pool has at most five parameters `x`, while its rows are many, so its derivative is taken *forward*: a number
//! carries its tangents `dR / dx` along, exactly, as the reserves are computed. The forward pass computes with plain numbers.
//! The backward pass walks once more with tangents and contracts them with the cotangent `y` of the reserves as it goes,
//!
//! ```text
//! dL / dx_k = sum over windows and samples of  y_0 dR_0 / dx_k + y_1 dR_1 / dx_k
//! ```
//!
//! so that nothing is kept between rows. Arithmetic is in double precision whatever the tensor's type. Trades are discontinuous
//! in the parameters where they begin to pay; the derivative is that of the trades that happen.

mod dual;
mod eclp;
mod fm_amm;
mod reclamm;
mod walk;

use std::sync::Arc;

use burn::tensor::Tensor;

pub use eclp::Eclp;
pub use fm_amm::FmAmm;
pub use reclamm::{Reclamm, ReclammInterpolation, ReclammState, SECONDS_PER_EXPONENT};

use crate::arbitrage::{CheckedInputs, Costs};
use crate::backend::{Pass, Primitive, Real, View, apply, pieces, run};
use crate::growth::{PlanError, length, positive};
use dual::Dual;
use walk::Walk;

/// Elementary steps of one visit, for the decision about threads.
const WORK: usize = 100;
/// Numbers of one sample: reserves of both tokens, and fee revenue.
const WIDTH: usize = 3;

/// A kind of pool of two tokens, with what is not a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// One parameter: the weight of the first token.
    FmAmm(FmAmm),
    /// Four parameters: rotation `phi`, lowest price `alpha`, highest price `beta`, stretch `lam`.
    Eclp(Eclp),
    /// Five parameters: price ratio, centeredness margin, base of the shift per second or its exponent, arc-length speed,
    /// fee rate.
    Reclamm(Reclamm),
}

impl Curve {
    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        match self {
            Self::FmAmm(_) => 1,
            Self::Eclp(_) => 4,
            Self::Reclamm(_) => 5,
        }
    }
}

/// How a pool is deposited and what it meets.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveSettings {
    /// The pool.
    pub curve: Curve,
    /// Value of the deposit.
    pub initial_value: f64,
    /// Seconds between two arbitrages.
    pub seconds: f64,
    /// Without arbitrage nobody but [users](crate::RowInputs::trades) trades.
    pub arbitrate: bool,
    /// What trading costs.
    pub costs: Costs,
    /// What changes from row to row.
    pub inputs: CheckedInputs,
}

/// Windows of one price table that a pool runs over in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePlan {
    settings: CurveSettings,
    starts: Arc<[usize]>,
    stride: usize,
    prices: Arc<[f64]>,
    samples: Arc<[usize]>,
}

impl CurvePlan {
    /// A plan over windows that begin at the rows `starts` of `prices`, `[rows, 2]` row-major, and are visited every `stride`
    /// rows. `samples` are the visits (indices of visited rows, rising) whose reserves are wanted.
    ///
    /// # Errors
    /// [`PlanError`] when a size is zero, a window lies outside, or a cost is out of its range.
    pub fn new(
        settings: CurveSettings,
        starts: impl Into<Arc<[usize]>>,
        stride: usize,
        prices: Arc<[f64]>,
        samples: impl Into<Arc<[usize]>>,
    ) -> Result<Self, PlanError> {
        let (starts, samples) = (starts.into(), samples.into());
        positive(&[("windows", starts.len()), ("stride", stride), ("samples", samples.len())])?;
        settings.costs.validate()?;
        settings.inputs.fit(prices.len() / 2, 2)?;
        let last = samples.last().copied().unwrap_or(0) * stride;
        let rows = starts.iter().max().map_or(0, |start| start + last + 1);
        let found = prices.len() / 2;
        length("prices", "at least the rows of every window", rows.max(found), found)?;
        if !samples.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(PlanError::Samples { visited: last / stride + 1 });
        }
        Ok(Self { settings, starts, stride, prices, samples })
    }

    /// Calls `sampled` with the index and the state of every sample of a window.
    fn walk<N: dual::Number>(&self, parameters: &[N], window: usize, mut sampled: impl FnMut(usize, [N; WIDTH])) {
        let settings = &self.settings;
        let place = |visit: usize| {
            let row = self.starts[window] + visit * self.stride;
            (row, [self.prices[2 * row], self.prices[2 * row + 1]])
        };
        let mut walk = Walk::begin(settings, parameters, place(0).1);
        let mut samples = self.samples.iter().enumerate().peekable();
        for visit in 0..=self.samples.last().copied().unwrap_or(0) {
            let (row, prices) = place(visit);
            walk.visit(row, prices);
            if let Some((index, _)) = samples.next_if(|(_, sample)| **sample == visit) {
                sampled(index, walk.state());
            }
        }
    }

    fn work(&self, batch: usize) -> usize {
        batch * self.samples.last().map_or(0, |last| last + 1) * WORK
    }
}

/// Reserves after the visits of the samples, and what depositors earned by fees up to there.
///
/// | argument | shape | meaning |
/// |---|---|---|
/// | `parameters` | `[sets, P]` | the curve's parameters |
/// | result | `[sets * windows, samples, 3]`, window fastest | reserves of both tokens; fee revenue in the unit of value |
///
/// # Panics
/// When the shape does not fit the plan, or the device has no fused kernels
/// ([`has_fused_kernels`](crate::has_fused_kernels)).
pub fn curve_reserves(parameters: Tensor<2>, plan: &Arc<CurvePlan>) -> Tensor<3> {
    apply(CurveReserves(plan.clone()), [parameters.into_dispatch()])
}

/// The same pool one row after another, without tensors.
#[derive(Debug)]
pub struct CurveWalk(Walk<f64>);

impl CurveWalk {
    /// A deposit at these prices. `parameters` are those of the curve.
    ///
    /// # Errors
    /// [`PlanError::Range`] for costs out of their ranges, [`PlanError::Length`] for another number of parameters.
    pub fn new(settings: &CurveSettings, parameters: &[f64], prices: [f64; 2]) -> Result<Self, PlanError> {
        settings.costs.validate()?;
        length("parameters", "those of the curve", settings.curve.parameters(), parameters.len())?;
        Ok(Self(Walk::begin(settings, parameters, prices)))
    }

    /// Meets one row of prices.
    pub fn visit(&mut self, row: usize, prices: [f64; 2]) {
        self.0.visit(row, prices);
    }

    /// Reserves of both tokens.
    pub fn reserves(&self) -> [f64; 2] {
        let [first, second, _] = self.0.state();
        [first, second]
    }

    /// What depositors earned by fees so far, where that is counted.
    pub fn fee_revenue(&self) -> f64 {
        self.0.state()[2]
    }
}

#[derive(Clone, Debug)]
struct CurveReserves(Arc<CurvePlan>);

impl Primitive<1> for CurveReserves {
    fn output_shape(&self, [parameters]: [&[usize]; 1]) -> Vec<usize> {
        let expected = self.0.settings.curve.parameters();
        assert!(
            parameters.len() == 2 && parameters[1] == expected,
            "curve_reserves: parameters must be [sets, {expected}], got {parameters:?}"
        );
        vec![parameters[0] * self.0.starts.len(), self.0.samples.len(), WIDTH]
    }

    fn forward<F: Real>(&self, [parameters]: [View<'_, F>; 1], output: &mut [F], _: &mut [f64]) {
        let (plan, width, windows) = (&self.0, parameters.shape[1], self.0.starts.len());
        let batch = parameters.shape[0] * windows;
        let tasks = pieces(Some(output), batch).into_iter().flatten().enumerate().collect();
        run(tasks, plan.work(batch), |(entry, output): (usize, &mut [F])| {
            let own = parameters.values[entry / windows * width..][..width].iter();
            let own: Vec<f64> = own.map(|parameter| parameter.wide()).collect();
            plan.walk(&own, entry % windows, |sample, state| {
                for (output, number) in output[sample * WIDTH..].iter_mut().zip(state) {
                    *output = F::of(number);
                }
            });
        });
    }

    fn backward<F: Real>(&self, pass: Pass<'_, F, 1>, [gradient]: [Option<&mut [F]>; 1]) {
        let Some(gradient) = gradient else { return };
        let [parameters] = pass.inputs;
        match parameters.shape[1] {
            1 => backward::<F, 1>(&self.0, parameters, pass.cotangent, gradient),
            4 => backward::<F, 4>(&self.0, parameters, pass.cotangent, gradient),
            _ => backward::<F, 5>(&self.0, parameters, pass.cotangent, gradient),
        }
    }
}

/// Adds the gradient of the `K` parameters of every set.
fn backward<F: Real, const K: usize>(
    plan: &CurvePlan,
    parameters: View<'_, F>,
    cotangent: View<'_, F>,
    gradient: &mut [F],
) {
    let windows = plan.starts.len();
    let batch = parameters.shape[0] * windows;
    let mut found = vec![[0.0; K]; batch];
    let each = plan.samples.len() * WIDTH;
    run(found.iter_mut().enumerate().collect(), (1 + K) * plan.work(batch), |(entry, found)| {
        let own = &parameters.values[entry / windows * K..][..K];
        let own: [Dual<K>; K] = std::array::from_fn(|index| Dual::parameter(own[index].wide(), index));
        let cotangent = &cotangent.values[entry * each..(entry + 1) * each];
        plan.walk(&own, entry % windows, |sample, state| {
            for (number, cotangent) in state.iter().zip(&cotangent[sample * WIDTH..]) {
                let cotangent = cotangent.wide();
                if cotangent == 0.0 {
                    continue;
                }
                for (found, tangent) in found.iter_mut().zip(number.tangent()) {
                    *found += cotangent * tangent;
                }
            }
        });
    });
    // In order, so that the number of threads changes no bit.
    for (gradient, found) in gradient.chunks_exact_mut(K).zip(found.chunks_exact(windows)) {
        for of_window in found {
            for (gradient, found) in gradient.iter_mut().zip(of_window) {
                *gradient += F::of(*found);
            }
        }
    }
}
