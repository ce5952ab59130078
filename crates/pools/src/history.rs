//! A price table with everything that runs over it share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use burn::tensor::{DType, Device, Tensor, TensorData};
use gradpool_market::{Grid, PriceTable, SpreadTable, SupplyTable};
use gradpool_ops::arbitrage::{CheckedInputs, RowInputs};
use gradpool_ops::growth::GrowthPlan;
use gradpool_ops::interpolation::PathLayout;
use gradpool_strategy::{CoarseSeries, ParameterSets, Windows};

use crate::error::PoolError;
use crate::log_prices::LogPrices;
use crate::pool::Pool;
use crate::settings::Rest;

/// A price table with what every run over it shares: coarse rows on the device, log prices and their prefix sums.
#[derive(Clone, Debug)]
pub struct PricedHistory {
    prices: Arc<PriceTable>,
    supplies: Option<Arc<SupplyTable>>,
    spreads: Option<Arc<SpreadTable>>,
    inputs: CheckedInputs,
    logs: LogPrices,
    coarse: CoarseSeries,
    /// The prices once more, in the form that arbitrage shares with its backward pass; made when first needed.
    flat: OnceLock<Arc<[f64]>>,
    latest: Arc<Mutex<Option<LatestPlan>>>,
}

/// The latest plan of a valuation in closed form, with what it was made of. The micro-batches of a step share it, on the host
/// and on a GPU.
#[derive(Debug)]
struct LatestPlan {
    layout: PathLayout,
    starts: Vec<usize>,
    visits: Vec<usize>,
    plan: Arc<GrowthPlan>,
}

impl PricedHistory {
    /// The prices.
    pub fn prices(&self) -> &PriceTable {
        &self.prices
    }

    /// Circulating supplies, where they are known.
    pub fn supplies(&self) -> Option<&SupplyTable> {
        self.supplies.as_deref()
    }

    /// Bid-ask spreads, where they are known.
    pub fn spreads(&self) -> Option<&SpreadTable> {
        self.spreads.as_deref()
    }

    /// Series of fees and other costs, and trades of others, where there are any.
    pub fn inputs(&self) -> &CheckedInputs {
        &self.inputs
    }

    /// Logarithms of the prices.
    pub(crate) fn logs(&self) -> &LogPrices {
        &self.logs
    }

    /// Checks that other series are of the same assets at the same rows; else says what both are of.
    fn fits(&self, assets: &[String], grid: &Grid) -> Result<(), (String, String)> {
        if assets == self.prices.assets() && grid == self.prices.grid() {
            return Ok(());
        }
        let describe = |rows: usize, assets: &[String]| format!("{rows} rows of {}", assets.join(", "));
        Err((describe(grid.rows, assets), describe(self.prices.rows(), self.prices.assets())))
    }

    /// Device on which coarse prices lie; never an autodiff device.
    pub fn device(&self) -> Device {
        self.coarse.prices.device()
    }

    /// Whether runs over it are computed by fused loops on the host.
    pub fn is_on_host(&self) -> bool {
        gradpool_ops::has_fused_kernels(&self.device())
    }

    /// Number type of tensors.
    pub fn dtype(&self) -> DType {
        self.coarse.prices.dtype()
    }

    /// Coarse rows on the device of the parameters.
    pub(crate) fn coarse_beside(&self, parameters: &ParameterSets) -> CoarseSeries {
        let device = parameters.leaves.values().next().map_or_else(|| self.device(), Tensor::device);
        CoarseSeries {
            prices: on_device(&self.coarse.prices, &device),
            supplies: self.coarse.supplies.as_ref().map(|supplies| on_device(supplies, &device)),
        }
    }

    /// All prices `[rows, assets]`, row-major.
    pub(crate) fn shared_prices(&self) -> Arc<[f64]> {
        Arc::clone(self.flat.get_or_init(|| self.prices.prices().into()))
    }

    /// The plan of a valuation in closed form of windows that begin at `starts`, at visited rows.
    pub(crate) fn growth_plan<E>(
        &self,
        layout: &PathLayout,
        starts: &[usize],
        visits: &[usize],
        make: impl FnOnce() -> Result<GrowthPlan, E>,
    ) -> Result<Arc<GrowthPlan>, E> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let fits =
            |latest: &&LatestPlan| latest.layout == *layout && latest.starts == starts && latest.visits == visits;
        if let Some(found) = latest.as_ref().filter(fits) {
            return Ok(Arc::clone(&found.plan));
        }
        let plan = Arc::new(make()?);
        let (starts, visits) = (starts.to_vec(), visits.to_vec());
        *latest = Some(LatestPlan { layout: *layout, starts, visits, plan: Arc::clone(&plan) });
        Ok(plan)
    }

    /// Prices `[sets * windows, samples, assets]` at the sampled rows, beside a tensor of that shape.
    pub(crate) fn prices_at(&self, beside: &Tensor<3>, windows: &Windows, samples: &[usize]) -> Tensor<3> {
        let [batch, _, assets] = beside.dims();
        let mut prices = Vec::with_capacity(windows.starts.len() * samples.len() * assets);
        for start in &windows.starts {
            for row in samples {
                prices.extend_from_slice(self.prices.row(start + row));
            }
        }
        let shape = [windows.starts.len(), samples.len(), assets];
        let prices = Tensor::<3>::from_data(TensorData::new(prices, shape), (&beside.device(), beside.dtype()));
        prices.repeat_dim(0, batch / windows.starts.len())
    }

    /// Prices of one row per window, repeated for every set: `[sets * windows, assets]`.
    pub(crate) fn rows_of(&self, sets: usize, rows: impl Iterator<Item = usize> + Clone, device: &Device) -> Tensor<2> {
        let per_set: Vec<f64> = rows.flat_map(|row| self.prices.row(row).iter().copied()).collect();
        let assets = self.prices.assets().len();
        let windows = per_set.len() / assets;
        let data = TensorData::new(per_set, [windows, assets]);
        Tensor::<2>::from_data(data, (device, self.dtype())).repeat_dim(0, sets)
    }
}

impl Pool {
    /// Computes what all runs over one price table share. `device` is a plain device; runs whose parameters are on the
    /// autodiff form of it are differentiable.
    ///
    /// # Errors
    /// [`PoolError::Assets`] if the table has another number of assets than the strategy.
    pub fn history(&self, prices: Arc<PriceTable>, device: &Device, dtype: DType) -> Result<PricedHistory, PoolError> {
        let (expected, found) = (self.strategy().settings().assets, prices.assets().len());
        if expected != found {
            return Err(PoolError::Assets { expected, found });
        }
        let coarse = self.strategy().coarse_rows(prices.prices(), &device.clone().inner(), dtype);
        let interval_rows = self.strategy().settings().update_interval_rows;
        let logs = LogPrices::new(&prices, self.settings().arbitrage_interval_rows).with_blocks(interval_rows);
        Ok(PricedHistory {
            prices,
            supplies: None,
            spreads: None,
            inputs: CheckedInputs::default(),
            logs,
            coarse: CoarseSeries::of_prices(coarse),
            flat: OnceLock::new(),
            latest: Arc::default(),
        })
    }

    /// Adds circulating supplies, for rules that look at them.
    ///
    /// # Errors
    /// [`PoolError::Supplies`] if they are not those of the same assets at the same rows.
    pub fn with_supplies(
        &self,
        mut history: PricedHistory,
        supplies: Arc<SupplyTable>,
    ) -> Result<PricedHistory, PoolError> {
        history
            .fits(supplies.assets(), supplies.grid())
            .map_err(|(supplies, prices)| PoolError::Supplies { supplies, prices })?;
        let coarse = self.strategy().coarse_rows(supplies.supplies(), &history.device(), history.dtype());
        history.coarse.supplies = Some(coarse);
        history.supplies = Some(supplies);
        Ok(history)
    }

    /// Adds bid-ask spreads, for portfolios that pay them.
    ///
    /// # Errors
    /// [`PoolError::Spreads`] if they are not those of the same assets at the same rows.
    pub fn with_spreads(
        &self,
        mut history: PricedHistory,
        spreads: Arc<SpreadTable>,
    ) -> Result<PricedHistory, PoolError> {
        history
            .fits(spreads.assets(), spreads.grid())
            .map_err(|(spreads, prices)| PoolError::Spreads { spreads, prices })?;
        history.spreads = Some(spreads);
        Ok(history)
    }

    /// Adds what changes from row to row around the pool.
    ///
    /// # Errors
    /// [`PoolError::Plan`] if a series has not one value per row of the prices, or a value outside its range.
    pub fn with_inputs(&self, mut history: PricedHistory, inputs: RowInputs) -> Result<PricedHistory, PoolError> {
        let (rows, assets) = (history.prices.rows(), history.prices.assets().len());
        let inputs = inputs.check(rows, assets).map_err(|error| PoolError::Plan(error.to_string()))?;
        if self.settings().rest != Rest::Never && !inputs.trades.is_empty() {
            let reason = "users cannot trade with a pool that rests while its weights do";
            return Err(PoolError::Plan(reason.into()));
        }
        if self.strategy().settings().fee.is_trained() && inputs.fee_rate.is_some() {
            return Err(PoolError::Plan("a fee that is part of the strategy cannot be a series too".into()));
        }
        history.inputs = inputs;
        Ok(history)
    }
}

/// Moves a constant to the device of the parameters: from plain to autodiff where they are tracked.
fn on_device(tensor: &Tensor<3>, device: &Device) -> Tensor<3> {
    if tensor.device() == *device { tensor.clone() } else { Tensor::from_inner(tensor.clone()) }
}
