//! What single golden cases need: switches that reproduce a defect of the reference system, and parts that cannot be compared.
//!
//! Everything else follows from what a case has: costs of trading, series beside the prices, the supplies or spreads that the
//! reference says it used (`case.rs`).

use gradpool_metrics::Metric;

/// How the gradients of a case are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slopes {
    /// Number by number.
    Compared,
    /// Where the reference's slope is not that of its own central difference the case is not smooth: a trade at the edge of the
    /// no-trade band, or one of two equally good pairs, flips. There our slope must be nearer to the reference's than its
    /// difference is.
    NearerThanDifference,
}

/// The treatment of one golden case. T-numbers are those of the specification's tables of defects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Treatment {
    /// The case's name.
    pub case: &'static str,
    /// Settings.
    pub set: &'static [&'static str],
    /// Why the whole case is left out, if it is.
    pub left_out: Option<&'static str>,
    /// Beginnings of the names of parts that are left out, with the reason.
    pub without: &'static [(&'static str, &'static str)],
    /// Only the sequential ways are compared.
    pub scan_only: bool,
    /// How gradients are compared.
    pub slopes: Slopes,
    /// Trades at the edge of the no-trade band come a row earlier or later by rounding. They are tiny beside the pool but not
    /// beside a small reserve, so reserves are compared as shares of the pool's value; and metrics, which divide values by
    /// little, are held to ten times the tolerance of values.
    pub trades_flip: bool,
    /// Metrics of which the growth is compared, not the return.
    pub as_growth: &'static [Metric],
    /// Relative tolerance of values, where it is not that of the golden files' schema.
    pub values_within: Option<f64>,
}

impl Treatment {
    /// A case as it is.
    pub const PLAIN: Self = Self {
        case: "",
        set: &[],
        left_out: None,
        without: &[],
        scan_only: false,
        slopes: Slopes::Compared,
        trades_flip: false,
        as_growth: &[],
        values_within: None,
    };

    /// The treatment of a case.
    pub fn of(case: &str) -> Self {
        TABLE.iter().find(|treatment| treatment.case == case).copied().unwrap_or(Self::PLAIN)
    }
}

/// The reference's fused objective ignores trained bounds (T3.1): it is that of the pool without them.
const FUSED_WITHOUT_BOUNDS: &[(&str, &str)] = &[
    ("fused.", "the reference's fused path ignores trained bounds, T3.1"),
    ("objective", "the reference's fused path ignores trained bounds, T3.1"),
];

/// At `phi` = 0.000597 and `lam` = 60 the plain formulas subtract numbers that agree to nine digits. The reference's double
/// precision is 3.5e-7 off in the first row, and after ten days 4e-4 without fees and 3e-3 with them; its slopes along `phi`
/// and `lam` (-34464 and -14336 instead of -24 and -3e-7) are rounding alone. `tests/golden/kinds.rs` holds this build to the
/// same formulas evaluated with 50 digits.
const ROUNDING_OF_THE_ELLIPSE: &[(&str, &str)] = &[
    ("metrics.", "rounding noise of the reference; tests/golden/kinds.rs has 50 digits"),
    ("gradients.", "rounding noise of the reference; tests/golden/kinds.rs has 50 digits"),
    ("objective", "rounding noise of the reference; tests/golden/kinds.rs has 50 digits"),
    ("weights.", "the reference shows weights of another formula; `implied_weights` are compared"),
];

/// Where there are fees the reference shows the weights of a reCLAMM pool without fees.
const WEIGHTS_WITHOUT_FEES: &[(&str, &str)] =
    &[("weights.", "the reference shows the weights of a pool without fees; `implied_weights` are compared")];

const TABLE: &[Treatment] = &[
    Treatment {
        case: "mom_price_noise",
        left_out: Some(
            "its noise on prices comes from the reference's own random generator, which this build does not have",
        ),
        ..Treatment::PLAIN
    },
    // The reference subtracts the sum of the signals instead of their mean where all assets share one gain (T1.1).
    Treatment { case: "mom_scalar_params", set: &["pool.compat.scalar_gain_offset=true"], ..Treatment::PLAIN },
    // The reference's minimum variance knows a price one update before it can (T2.1).
    Treatment { case: "minvar_vec_1440_zero", set: &["pool.compat.min_variance_lookahead=true"], ..Treatment::PLAIN },
    Treatment { case: "minvar_4tok_fees", set: &["pool.compat.min_variance_lookahead=true"], ..Treatment::PLAIN },
    // The reference inherits momentum's step for anti_momentum (T2.2): its scan returns momentum.
    Treatment {
        case: "anti_scan_1440_zero",
        set: &["pool.rule=momentum"],
        scan_only: true,
        without: &[
            ("rule_outputs.", "they are those of the vectorized rule, which is another one (T2.2)"),
            ("coarse.", "they are those of the vectorized rule, which is another one (T2.2)"),
            ("fused.", "it is that of the vectorized rule, which is another one (T2.2)"),
            ("objective", "it is that of the vectorized rule, which is another one (T2.2)"),
        ],
        ..Treatment::PLAIN
    },
    Treatment { case: "bounded_mom_zero", without: FUSED_WITHOUT_BOUNDS, ..Treatment::PLAIN },
    Treatment { case: "bounded_mom_scan", without: FUSED_WITHOUT_BOUNDS, ..Treatment::PLAIN },
    // Without fees the reference forgets what prices did while the pool rested (T4.7).
    Treatment { case: "hodling_index_zero", set: &["pool.compat.hodling_forgets_drift=true"], ..Treatment::PLAIN },
    // The fingerprint's own fee is zero, which leaves these two without effect on its own.
    Treatment {
        case: "mom_dynamic_noise_split",
        set: &["pool.noise_trader_ratio=0.5", "pool.protocol_fee_share=0.25", "pool.compat.dynamic_protocol_fees=true"],
        ..Treatment::PLAIN
    },
    // In row 14392 we trade 0.005 of 1.3 million; the reference does it one row later.
    Treatment { case: "mom_dynamic_lp", slopes: Slopes::NearerThanDifference, trades_flip: true, ..Treatment::PLAIN },
    Treatment { case: "mom_vec_1440_fees", slopes: Slopes::NearerThanDifference, ..Treatment::PLAIN },
    Treatment { case: "mom_scan_1440_fees", slopes: Slopes::NearerThanDifference, ..Treatment::PLAIN },
    Treatment { case: "mrc_vec_60_fees", slopes: Slopes::NearerThanDifference, ..Treatment::PLAIN },
    Treatment { case: "ttmrc_fees", slopes: Slopes::NearerThanDifference, ..Treatment::PLAIN },
    Treatment { case: "index_mcap_fees", slopes: Slopes::NearerThanDifference, ..Treatment::PLAIN },
    // The reference's weights sum to one less 1.1e-16, and each of 14 400 rows multiplies its value by that sum twice: 3e-12 in
    // all. A return over holding is a small part of the growth, which its annual form raises to the power 36.
    Treatment {
        case: "lvr_balancer_zero",
        as_growth: &[
            Metric::ReturnsOverHodl,
            Metric::AnnualisedReturnsOverHodl,
            Metric::ReturnsOverUniformHodl,
            Metric::AnnualisedReturnsOverUniformHodl,
        ],
        ..Treatment::PLAIN
    },
    Treatment { case: "reclamm_fees", without: WEIGHTS_WITHOUT_FEES, ..Treatment::PLAIN },
    Treatment { case: "reclamm_arc_fees", without: WEIGHTS_WITHOUT_FEES, ..Treatment::PLAIN },
    Treatment { case: "reclamm_arc_learn", without: WEIGHTS_WITHOUT_FEES, ..Treatment::PLAIN },
    Treatment { case: "gyro_zero", values_within: Some(4e-4), without: ROUNDING_OF_THE_ELLIPSE, ..Treatment::PLAIN },
    // The band of trades that do not pay as the reference has it (T4.9).
    Treatment {
        case: "gyro_fees",
        set: &["pool.compat.eclp_band_of_reserves=true"],
        values_within: Some(3e-3),
        without: ROUNDING_OF_THE_ELLIPSE,
        ..Treatment::PLAIN
    },
    // The reference's decay shrinks the initial weights, which have no gradient (spec 07 sec. 15 item 7).
    Treatment { case: "train_adamw_cosine_clip", set: &["train.compat.decay_frozen_leaves=true"], ..Treatment::PLAIN },
];
