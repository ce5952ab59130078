//! Made-up prices with the features of real ones: correlated diffusion, jumps, and regimes of drift and volatility.
//!
//! Between rows, `d ln P_i = (mu_r - sigma_i^2 f_r^2 / 2) dt + sigma_i f_r dW_i + J_i dN_i`: geometric Brownian motion with correlated
//! `dW`, drift `mu_r` and volatility factor `f_r` of the current regime `r` (one for the whole market, a Markov chain), and compound
//! Poisson jumps with normal sizes (Merton, "Option pricing when underlying stock returns are discontinuous", 1976; Hamilton, "A new
//! approach to the economic analysis of nonstationary time series and the business cycle", 1989). Years have 365 days.
//!
//! The result is a function of the specification alone: ChaCha8 streams, arithmetic that IEEE 754 defines, and exponentials and
//! logarithms in portable code. Regime, diffusion and jumps of every asset draw from streams of their own, so that changing one
//! of them leaves the others as they were.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::source::CASH;
use crate::table::alphabetical_order;
use crate::time::{DAY_MS, Step};
use crate::{Grid, MarketError, PriceTable};

/// Days of a year for annual rates.
const DAYS_PER_YEAR: f64 = 365.0;

/// One value for all assets or one per asset, in the order in which the specification names the assets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerAsset {
    /// The same for all.
    All(f64),
    /// One each.
    Each(Vec<f64>),
}

impl PerAsset {
    fn get(&self, index: usize) -> f64 {
        match self {
            Self::All(value) => *value,
            Self::Each(values) => values[index],
        }
    }

    fn check(
        &self,
        key: &'static str,
        assets: usize,
        valid: &str,
        is_valid: impl Fn(f64) -> bool,
    ) -> Result<(), MarketError> {
        let invalid = |value: String, valid: String| MarketError::InvalidValue { key, value, valid };
        let values = match self {
            Self::All(value) => std::slice::from_ref(value),
            Self::Each(values) if values.len() == assets => values,
            Self::Each(values) => {
                return Err(invalid(format!("{values:?}"), format!("give one number, or {assets}, one per asset")));
            }
        };
        match values.iter().find(|value| !is_valid(**value)) {
            Some(value) => Err(invalid(value.to_string(), valid.to_owned())),
            None => Ok(()),
        }
    }
}

/// A state of the whole market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    /// Annual drift of prices, added to that of the specification.
    pub annual_drift: f64,
    /// Multiplies every asset's volatility.
    pub volatility_factor: f64,
    /// Mean days until another regime begins; the next one is drawn from the others with equal chances.
    pub mean_days: f64,
}

/// What to make up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SynthesisSpec {
    /// Tickers; `USD` is a constant 1.
    pub assets: Vec<String>,
    /// Time of the first row, milliseconds of the Unix epoch.
    pub start_ms: i64,
    /// Days to cover; the rows are rounded up.
    pub days: f64,
    /// Spacing of the rows.
    pub step: Step,
    /// Seed of everything.
    pub seed: u64,
    /// First price, USD.
    pub start_prices: PerAsset,
    /// Annual drift of the price.
    pub annual_drift: PerAsset,
    /// Annual standard deviation of log returns, without jumps.
    pub annual_volatility: PerAsset,
    /// Correlation of the diffusion of any two assets; above `-1 / (assets - 1)`, at most 1.
    pub correlation: f64,
    /// Mean number of jumps per year and asset.
    pub jumps_per_year: f64,
    /// Mean jump of the log price.
    pub jump_mean: f64,
    /// Standard deviation of a jump of the log price.
    pub jump_deviation: f64,
    /// Regimes; the first one begins. None means one without an effect.
    pub regimes: Vec<Regime>,
}

impl Default for SynthesisSpec {
    /// Three crypto-like assets over a year of minutes in bull and bear markets.
    fn default() -> Self {
        Self {
            assets: ["BTC", "ETH", "LTC"].map(str::to_owned).to_vec(),
            start_ms: 1_672_531_200_000,
            days: 365.0,
            step: Step::MINUTE,
            seed: 0,
            start_prices: PerAsset::All(100.0),
            annual_drift: PerAsset::All(0.0),
            annual_volatility: PerAsset::All(0.7),
            correlation: 0.7,
            jumps_per_year: 10.0,
            jump_mean: -0.01,
            jump_deviation: 0.04,
            regimes: vec![
                Regime { annual_drift: 0.8, volatility_factor: 0.8, mean_days: 90.0 },
                Regime { annual_drift: -0.9, volatility_factor: 1.4, mean_days: 45.0 },
            ],
        }
    }
}

/// Makes the prices that a specification describes: the same bits for the same specification, on every platform.
///
/// # Errors
/// [`MarketError::InvalidValue`] for a setting that is not possible, [`MarketError::InvalidAssets`] for an empty or repeated list,
/// [`MarketError::InvalidTable`] if settings are so extreme that a price leaves the range of numbers.
pub fn synthesize(spec: &SynthesisSpec) -> Result<PriceTable, MarketError> {
    alphabetical_order(&spec.assets)?;
    check(spec)?;
    let assets = spec.assets.len();
    let rows = (spec.days * DAY_MS as f64 / spec.step.ms() as f64).ceil() as usize;
    let grid = Grid::new(spec.start_ms, spec.step.ms(), rows)?;
    let factor = correlation_factor(assets, spec.correlation);
    let step_years = spec.step.ms() as f64 / DAY_MS as f64 / DAYS_PER_YEAR;
    let regimes = regime_path(spec, rows, step_years);

    let mut diffusion: Vec<Normal> = (0..assets).map(|asset| Normal::new(spec.seed, 1 + 2 * asset as u64)).collect();
    let mut jumps: Vec<Jumps> = (0..assets).map(|asset| Jumps::new(spec, 2 + 2 * asset as u64, step_years)).collect();
    let mut logs: Vec<f64> = (0..assets).map(|asset| libm::log(spec.start_prices.get(asset))).collect();
    let mut columns: Vec<Vec<f64>> = (0..assets)
        .map(|asset| {
            let mut column = Vec::with_capacity(rows);
            column.push(spec.start_prices.get(asset));
            column
        })
        .collect();
    let mut shocks = vec![0.0; assets];
    for regime in regimes.iter().take(rows - 1) {
        for (shock, normal) in shocks.iter_mut().zip(&mut diffusion) {
            *shock = normal.next();
        }
        for asset in 0..assets {
            let correlated: f64 = factor[asset].iter().zip(&shocks).map(|(weight, shock)| weight * shock).sum();
            let volatility = spec.annual_volatility.get(asset) * regime.volatility_factor;
            let drift = spec.annual_drift.get(asset) + regime.annual_drift - 0.5 * volatility * volatility;
            logs[asset] += drift * step_years + volatility * step_years.sqrt() * correlated + jumps[asset].next();
            columns[asset].push(libm::exp(logs[asset]));
        }
    }
    for (asset, column) in spec.assets.iter().zip(&mut columns) {
        if asset == CASH {
            column.fill(1.0);
        }
    }
    PriceTable::from_columns(&spec.assets, grid, &columns)
}

fn check(spec: &SynthesisSpec) -> Result<(), MarketError> {
    let assets = spec.assets.len();
    let positive = |value: f64| value.is_finite() && value > 0.0;
    let not_negative = |value: f64| value.is_finite() && value >= 0.0;
    let require = |key, value: f64, is_valid: bool, valid: &str| {
        if is_valid {
            Ok(())
        } else {
            Err(MarketError::InvalidValue { key, value: value.to_string(), valid: valid.to_owned() })
        }
    };
    spec.start_prices.check("start_prices", assets, "prices must be above zero", positive)?;
    spec.annual_drift.check("annual_drift", assets, "it must be finite", f64::is_finite)?;
    spec.annual_volatility.check("annual_volatility", assets, "it must be at least 0", not_negative)?;
    let rows = spec.days * DAY_MS as f64 / spec.step.ms() as f64;
    require("days", spec.days, rows > 0.0 && rows <= 1e9, "it must be above 0 and give at most 1e9 rows")?;
    let lowest = -1.0 / (assets.max(2) - 1) as f64;
    let possible = spec.correlation > lowest && spec.correlation <= 1.0;
    require(
        "correlation",
        spec.correlation,
        possible,
        &format!("it must be above {lowest} for {assets} assets, and at most 1"),
    )?;
    require("jumps_per_year", spec.jumps_per_year, not_negative(spec.jumps_per_year), "it must be at least 0")?;
    require("jump_mean", spec.jump_mean, spec.jump_mean.is_finite(), "it must be finite")?;
    require("jump_deviation", spec.jump_deviation, not_negative(spec.jump_deviation), "it must be at least 0")?;
    for regime in &spec.regimes {
        require("regimes.annual_drift", regime.annual_drift, regime.annual_drift.is_finite(), "it must be finite")?;
        let factor = regime.volatility_factor;
        require("regimes.volatility_factor", factor, not_negative(factor), "it must be at least 0")?;
        require("regimes.mean_days", regime.mean_days, regime.mean_days > 0.0, "it must be above 0")?;
    }
    Ok(())
}

/// Lower triangular factor `L` (Cholesky) of the matrix with ones on the diagonal and `correlation` elsewhere: `L L' = C`.
fn correlation_factor(assets: usize, correlation: f64) -> Vec<Vec<f64>> {
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(assets);
    for row in 0..assets {
        let mut entries = vec![0.0; row + 1];
        for column in 0..=row {
            let target = if row == column { 1.0 } else { correlation };
            let known: f64 =
                (0..column).map(|k| entries[k] * if row == column { entries[k] } else { factor[column][k] }).sum();
            entries[column] = if row == column {
                f64::max(target - known, 0.0).sqrt()
            } else if factor[column][column] > 0.0 {
                (target - known) / factor[column][column]
            } else {
                0.0
            };
        }
        factor.push(entries);
    }
    factor
}

/// The regime of each step between two rows.
fn regime_path(spec: &SynthesisSpec, rows: usize, step_years: f64) -> Vec<Regime> {
    let calm = [Regime { annual_drift: 0.0, volatility_factor: 1.0, mean_days: f64::INFINITY }];
    let regimes: &[Regime] = if spec.regimes.is_empty() { &calm } else { &spec.regimes };
    let mut uniform = Uniform::new(spec.seed, 0);
    let mut current = 0;
    let mut path = Vec::with_capacity(rows);
    for _ in 0..rows {
        path.push(regimes[current].clone());
        let leaves = 1.0 - libm::exp(-step_years * DAYS_PER_YEAR / regimes[current].mean_days);
        let (leave, pick) = (uniform.next(), uniform.next());
        if regimes.len() > 1 && leave < leaves {
            let others = regimes.len() - 1;
            current = (current + 1 + ((pick * others as f64) as usize).min(others - 1)) % regimes.len();
        }
    }
    path
}

/// Uniform numbers in `[0, 1)` from one ChaCha8 stream.
struct Uniform(ChaCha8Rng);

impl Uniform {
    fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    fn next(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Standard normal numbers by Marsaglia's polar method: one logarithm, no trigonometry.
struct Normal {
    uniform: Uniform,
    spare: Option<f64>,
}

impl Normal {
    fn new(seed: u64, stream: u64) -> Self {
        Self { uniform: Uniform::new(seed, stream), spare: None }
    }

    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform.next() - 1.0, 2.0 * self.uniform.next() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * libm::log(square) / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }
}

/// Sum of the jumps of one asset in one step.
struct Jumps {
    arrivals: Uniform,
    sizes: Normal,
    /// Probability of no jump in a step.
    none: f64,
    mean: f64,
    deviation: f64,
}

impl Jumps {
    fn new(spec: &SynthesisSpec, stream: u64, step_years: f64) -> Self {
        // Sizes have streams far from those of the assets.
        let sizes = Normal::new(spec.seed, stream + (1 << 32));
        let none = libm::exp(-spec.jumps_per_year * step_years);
        Self {
            arrivals: Uniform::new(spec.seed, stream),
            sizes,
            none,
            mean: spec.jump_mean,
            deviation: spec.jump_deviation,
        }
    }

    fn next(&mut self) -> f64 {
        // Knuth's method: uniforms are multiplied until the product falls below exp(-rate).
        let mut product = self.arrivals.next();
        let mut sum = 0.0;
        while product > self.none {
            sum += self.mean + self.deviation * self.sizes.next();
            product *= self.arrivals.next();
        }
        sum
    }
}
