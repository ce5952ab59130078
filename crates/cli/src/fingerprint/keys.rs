//! Keys of a fingerprint that have no effect on a configuration of this program, and why.

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

/// Root keys that only rules other than momentum read.
pub const OTHER_RULES: &[(&str, &str)] = &[
    ("arb_quality", "read by the rule cow only"),
    ("numeraire", "read by the rule gyroscope only"),
    ("rotation_angle", "read by the rule gyroscope only"),
    ("alpha", "read by the rule gyroscope only"),
    ("beta", "read by the rule gyroscope only"),
    ("lam", "read by the rule gyroscope only"),
    ("cap_weights", "read by index rules only"),
    ("annual_streaming_fee", "read by index rules only"),
    ("use_pre_exp_scaling", "read by power and channel rules only"),
    ("initial_log_amplitude", "read by channel rules only"),
    ("initial_raw_width", "read by channel rules only"),
    ("initial_raw_exponents", "read by power and channel rules only"),
    ("initial_pre_exp_scaling", "read by power and channel rules only"),
    ("learnable_bounds_settings", "read by rules with the prefix bounded__ only"),
    ("ensemble_init_method", "read by ensembles only"),
    ("ensemble_init_scale", "read by ensembles only"),
    ("ensemble_init_seed", "read by ensembles only"),
    ("reclamm_initial_state", "read by the rule reclamm only"),
    ("reclamm_interpolation_method", "read by the rule reclamm only"),
    ("reclamm_arc_length_speed", "read by the rule reclamm only"),
    ("reclamm_centeredness_scaling", "read by the rule reclamm only"),
    ("reclamm_learn_arc_length_speed", "read by the rule reclamm only"),
    ("reclamm_use_shift_exponent", "read by the rule reclamm only"),
    ("reclamm_learn_fees", "read by the rule reclamm only"),
    ("initial_price_ratio", "read by the rule reclamm only"),
    ("initial_centeredness_margin", "read by the rule reclamm only"),
    ("initial_daily_price_shift_base", "read by the rule reclamm only"),
    ("initial_shift_exponent", "read by the rule reclamm only"),
    ("initial_arc_length_speed", "read by the rule reclamm only"),
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
