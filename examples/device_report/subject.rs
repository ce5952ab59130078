//! What is timed: momentum on made-up minutes of a pool without fees, and of one that is arbitraged every minute.

use std::collections::BTreeMap;
use std::error::Error;

use gradpool::market::{PeriodSpec, Periods, PriceTable, SynthesisSpec, synthesize};
use gradpool::metrics::Metric;
use gradpool::ops::arbitrage::{Arbitrageur, Meeting};
use gradpool::ops::{CheckedInputs, Costs, interpolate};
use gradpool::pools::{Pool, PoolSettings};
use gradpool::strategy::{
    InitialSettings, ParameterSets, ParameterTable, ParameterValues, Strategy, StrategySettings, WeightPath, Windows,
    rules,
};
use gradpool::tensor::{DType, Device};
use gradpool::trainer::design::Design;
use gradpool::trainer::initialisation::{Spread, initial_sets};
use gradpool::trainer::memory::Room;
use gradpool::trainer::{Experiment, Goal, MemoryPlan, Objective, ObjectiveMemory, ValueAndGradient};

use super::model::{Kernels, Shape, Valuation};

/// Rows of a day: minutes.
pub const DAY: usize = 1440;
/// What is timed of every set.
pub const OBJECTIVE: Metric = Metric::DailyLogSharpe;
/// Fee of the pool that has one.
const FEE_RATE: f64 = 0.003;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Growth in closed form, daily updates.
    ZeroFee,
    /// Arbitrage at every minute, daily updates.
    Fees,
}

impl Kind {
    /// As tables and documents call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ZeroFee => "zero fee",
            Self::Fees => "fees",
        }
    }

    fn costs(self) -> Costs {
        match self {
            Self::ZeroFee => Costs::default(),
            Self::Fees => Costs { fee_rate: FEE_RATE, ..Costs::default() },
        }
    }

    /// Sizes of an objective over `days` after `burn_in_days`, with updates every day.
    pub fn shape(self, sets: usize, size: Size, number: usize, kernels: Kernels) -> Shape {
        let Size { assets, days, burn_in_days } = size;
        let ramps = days - 1;
        let valuation = match self {
            Self::ZeroFee => Valuation::ClosedForm { segments: ramps },
            Self::Fees => Valuation::Arbitrage { rows: ramps * DAY + 1 },
        };
        Shape { sets, assets, outputs: burn_in_days + days - 1, ramps, samples: days, valuation, number, kernels }
    }
}

/// How large an objective is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Assets of the pool.
    pub assets: usize,
    /// Days of the window.
    pub days: usize,
    /// Days of prices before it.
    pub burn_in_days: usize,
}

/// Prices for a window and what comes before it.
pub fn prices(size: Size) -> Result<PriceTable, Box<dyn Error>> {
    let assets = (0..size.assets).map(|asset| format!("A{asset}")).collect();
    let days = (size.burn_in_days + size.days) as f64;
    Ok(synthesize(&SynthesisSpec { assets, days, ..SynthesisSpec::default() })?)
}

/// An objective on a device.
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    size: Size,
    experiment: Experiment,
    device: Device,
    dtype: DType,
    windows: Windows,
    centre: ParameterValues,
}

impl Subject {
    /// Puts prices on a device.
    pub fn new(
        kind: Kind,
        size: Size,
        prices: &PriceTable,
        path: WeightPath,
        (device, dtype): (&Device, DType),
    ) -> Result<Self, Box<dyn Error>> {
        let burn_in_days = size.burn_in_days as f64;
        let start = prices.grid().time_ms(size.burn_in_days * DAY);
        let end = prices.grid().time_ms((size.burn_in_days + size.days) * DAY);
        let periods = Periods::new(&PeriodSpec { burn_in_days, ..PeriodSpec::new(start, end) }, prices.grid())?;
        let settings =
            StrategySettings { maximum_memory_days: burn_in_days, path, ..StrategySettings::daily(size.assets, 1.0) };
        let strategy = Strategy::new(rules::by_name("momentum")?, settings)?;
        let centre = InitialSettings::default().values(strategy.rule(), strategy.settings())?;
        let pool = Pool::new(strategy, PoolSettings { costs: kind.costs(), ..PoolSettings::default() })?;
        let rows = size.days * DAY;
        let goal = Goal { objective: OBJECTIVE, turnover_penalty: 0.0, window_rows: rows, watched: vec![] };
        let experiment = Experiment::new(pool, prices, &periods, goal, device, dtype)?;
        let windows = Windows::single(experiment.periods().train.start, rows);
        Ok(Self { kind, size, experiment, device: device.clone(), dtype, windows, centre })
    }

    /// Sets around the usual starting point.
    pub fn parameters(&self, sets: usize) -> Result<ParameterSets, Box<dyn Error>> {
        let spread = Spread {
            design: Some(Design::Sobol),
            scale: 0.5,
            leaf_scale: BTreeMap::new(),
            frozen: self.experiment.frozen_leaves(),
            ranges: None,
        };
        Ok(initial_sets(std::slice::from_ref(&self.centre), sets, &spread, 0)?.on(&self.device, self.dtype))
    }

    /// The objective of every set. Returns when the numbers are on the host.
    pub fn value(&self, parameters: &ParameterSets) -> Result<Vec<f64>, Box<dyn Error>> {
        let values = self.experiment.objective(parameters, OBJECTIVE, &self.windows)?;
        Ok(values.into_data().convert::<f64>().iter::<f64>().collect())
    }

    /// A metric and its gradient for every set. Gradients may still be under way when it returns.
    pub fn value_and_gradient(
        &self,
        parameters: &ParameterSets,
        metric: Metric,
    ) -> Result<ValueAndGradient, Box<dyn Error>> {
        Ok(self.experiment.gradient(parameters, metric, &self.windows)?)
    }

    /// Waits for the device.
    pub fn wait(&self) -> Result<(), Box<dyn Error>> {
        Ok(self.device.sync()?)
    }

    /// Its sizes.
    pub fn shape(&self, sets: usize, kernels: Kernels) -> Shape {
        self.kind.shape(sets, self.size, self.dtype.size(), kernels)
    }

    /// Executed arbitrages per row of the usual starting point; at most two.
    pub fn trades_per_row(&self) -> Result<f64, Box<dyn Error>> {
        let parameters = ParameterTable::repeat(&self.centre, 1).on(&self.device, self.dtype);
        let run = self.experiment.run(&parameters, &self.windows, &[OBJECTIVE], false)?;
        let weights = interpolate(run.positions, &run.layout).into_data().convert::<f64>().try_to_vec::<f64>()?;
        let reserves = run.initial_reserves.into_data().convert::<f64>().try_to_vec::<f64>()?;
        let costs = self.experiment.pool().settings().costs;
        let mut pool = Arbitrageur::new(&costs, CheckedInputs::default(), &reserves)?;
        let (prices, assets) = (self.experiment.history().prices(), self.size.assets);
        let weights_at = |row: usize| &weights[row * assets..(row + 1) * assets];
        for row in 0..self.windows.rows {
            pool.visit(&Meeting {
                row,
                fee_rate: None,
                weights_before: weights_at(row.saturating_sub(1)),
                weights: weights_at(row),
                prices: prices.row(self.windows.starts[0] + row),
                rests: false,
            });
        }
        Ok(pool.trading().arbitrages as f64 / self.windows.rows as f64)
    }

    /// Years of all paths together.
    pub fn path_years(&self, sets: usize) -> f64 {
        (sets * self.size.days) as f64 / 365.0
    }

    /// Why so many sets do not fit, if so.
    pub fn obstacle(&self, sets: usize, room: &Room) -> Option<String> {
        let needs = ObjectiveMemory { comfortable: None, ..self.experiment.memory()? };
        let width = self.centre.leaves.values().map(Vec::len).sum();
        match MemoryPlan::new(room, sets, width, 1, &needs) {
            Ok(plan) if plan.sets_at_once == sets => None,
            Ok(plan) => Some(format!("{} at once fit into {} MB", plan.sets_at_once, room.budget >> 20)),
            Err(error) => Some(error.to_string()),
        }
    }
}
