//! Keys of a fingerprint that have no effect on a configuration of this program, and why.

/// Why keys about fees have no effect.
pub const WITHOUT_FEES: &str = "no effect without fees";

/// Root keys that never have an effect, with the reason.
pub const ROOT: &[(&str, &str)] = &[
    ("freq", "rows have the step of the price files"),
    ("run_type", "there is one kind of run"),
    ("checkpoint_fused", "memory is managed without it"),
    ("alphabetic", "assets are always in alphabetical order"),
    ("training_method", "a note of another tool"),
    ("holdoutEndDateString", "a note of another tool"),
    ("test_fraction", "a note of another tool"),
    ("filename_override", "runs are named by their folder"),
    ("evaluation_starts", "a note of another search method"),
];

/// Rules with a channel.
const CHANNEL: &[&str] = &["mean_reversion_channel", "triple_threat_mean_reversion_channel"];
/// Rules that take a power of the price gradient.
const POWER: &[&str] = &["power_channel", "mean_reversion_channel", "triple_threat_mean_reversion_channel"];
/// Indices.
const INDEX: &[&str] = &["index_market_cap", "hodling_index_market_cap", "trad_hodling_index_market_cap"];

/// Root keys that only some rules, or rules with some prefix, read: key, readers, what is said to others.
pub const OF_SOME_RULES: &[(&str, &[&str], &str)] = &[
    ("arb_quality", &["cow"], "read by the rule cow only"),
    ("numeraire", &["gyroscope"], "read by the rule gyroscope only"),
    ("rotation_angle", &["gyroscope"], "read by the rule gyroscope only"),
    ("alpha", &["gyroscope"], "read by the rule gyroscope only"),
    ("beta", &["gyroscope"], "read by the rule gyroscope only"),
    ("lam", &["gyroscope"], "read by the rule gyroscope only"),
    ("cap_weights", INDEX, "read by index rules only"),
    ("annual_streaming_fee", &["trad_hodling_index_market_cap"], "read by the rule trad_hodling_index_market_cap only"),
    ("use_pre_exp_scaling", POWER, "read by power and channel rules only"),
    ("initial_log_amplitude", CHANNEL, "read by channel rules only"),
    ("initial_raw_width", CHANNEL, "read by channel rules only"),
    ("initial_raw_exponents", POWER, "read by power and channel rules only"),
    ("initial_pre_exp_scaling", POWER, "read by power and channel rules only"),
    ("learnable_bounds_settings", &["bounded"], "read by rules with the prefix bounded__ only"),
    ("ensemble_init_method", &["ensemble"], "read by ensembles only"),
    ("ensemble_init_scale", &["ensemble"], "read by ensembles only"),
    ("ensemble_init_seed", &["ensemble"], "read by ensembles only"),
    ("reclamm_initial_state", &["reclamm"], "read by the rule reclamm only"),
    ("reclamm_interpolation_method", &["reclamm"], "read by the rule reclamm only"),
    ("reclamm_arc_length_speed", &["reclamm"], "read by the rule reclamm only"),
    ("reclamm_centeredness_scaling", &["reclamm"], "read by the rule reclamm only"),
    ("reclamm_learn_arc_length_speed", &["reclamm"], "read by the rule reclamm only"),
    ("reclamm_use_shift_exponent", &["reclamm"], "read by the rule reclamm only"),
    ("reclamm_learn_fees", &["reclamm"], "read by the rule reclamm only"),
    ("initial_price_ratio", &["reclamm"], "read by the rule reclamm only"),
    ("initial_centeredness_margin", &["reclamm"], "read by the rule reclamm only"),
    ("initial_daily_price_shift_base", &["reclamm"], "read by the rule reclamm only"),
    ("initial_shift_exponent", &["reclamm"], "read by the rule reclamm only"),
    ("initial_arc_length_speed", &["reclamm"], "read by the rule reclamm only"),
];

/// Keys of `optimisation_settings` that never have an effect on a run by gradient descent.
pub const TRAINING: &[(&str, &str)] = &[
    ("n_cycles", "no effect in the reference trainer either"),
    ("include_flipped_training_data", "no effect in the reference trainer either"),
    ("train_on_hessian_trace", "no effect in the reference trainer either"),
    ("max_mc_version", "read with generated price paths only"),
    ("optuna_settings", "read by another search method only"),
    ("bfgs_settings", "read by another search method only"),
    ("cma_es_settings", "read by another search method only"),
    ("swa_start_frac", "read with use_swa only"),
    ("swa_freq", "read with use_swa only"),
    ("checkpoint_interval", "read with track_checkpoints only"),
];

/// Why a key has no effect, if it is one of a list.
pub fn reason(lists: &[&[(&str, &str)]], key: &str) -> Option<String> {
    lists.iter().flat_map(|list| list.iter()).find(|(name, _)| *name == key).map(|(_, reason)| (*reason).to_owned())
}
