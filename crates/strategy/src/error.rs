//! What can be wrong with a strategy or its parameters.

use thiserror::Error;

/// Errors of this crate. Every message names the leaf or setting and says what would be right.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum StrategyError {
    /// A parameter set lacks a leaf that the rule needs.
    #[error("parameter `{leaf}` is missing; the rule `{rule}` needs {needed}")]
    MissingLeaf {
        /// The absent leaf.
        leaf: String,
        /// The rule that needs it.
        rule: String,
        /// All leaves of the rule, for the message.
        needed: String,
    },
    /// A parameter set lacks a leaf that another one of its leaves needs.
    #[error("parameter `{leaf}` is missing; the rule `{rule}` with `{given}` needs it")]
    MissingCompanion {
        /// The absent leaf.
        leaf: String,
        /// The leaf that needs it.
        given: String,
        /// The rule.
        rule: String,
    },
    /// A leaf that the rule does not know.
    #[error("parameter `{leaf}` is not known to the rule `{rule}`; it takes {known}")]
    UnknownLeaf {
        /// The unexpected leaf.
        leaf: String,
        /// The rule.
        rule: String,
        /// All leaves of the rule, for the message.
        known: String,
    },
    /// A leaf with another number of values than its shape says.
    #[error("parameter `{leaf}` has {found} values; expected {expected}")]
    LeafLength {
        /// The leaf.
        leaf: String,
        /// Its length.
        found: usize,
        /// What would be right, in words.
        expected: String,
    },
    /// A leaf holds NaN or an infinity.
    #[error("parameter `{leaf}` of set {set} is not finite at position {position} ({value})")]
    NonFiniteLeaf {
        /// The leaf.
        leaf: String,
        /// Parameter set.
        set: usize,
        /// Position inside the leaf.
        position: usize,
        /// The value found.
        value: f64,
    },
    /// Parameter sets that are to run side by side differ in their leaves.
    #[error("parameter set {set} does not match set 0: {detail}")]
    UnequalSets {
        /// The set that differs.
        set: usize,
        /// How it differs.
        detail: String,
    },
    /// No parameter set was given.
    #[error("no parameter set was given; at least one is needed")]
    NoSets,
    /// A setting outside its range.
    #[error("`{key}` is {value}; it must be {valid}")]
    Setting {
        /// The setting's name.
        key: String,
        /// Its value.
        value: String,
        /// What would be valid.
        valid: String,
    },
    /// A rule name that is not registered.
    #[error("unknown rule `{name}`; known rules: {known}")]
    UnknownRule {
        /// The name asked for.
        name: String,
        /// All registered names.
        known: String,
    },
    /// A rule is registered under a name that another one has.
    #[error("a rule named `{name}` exists already")]
    DuplicateRule {
        /// The name.
        name: String,
    },
    /// Rules that cannot be combined.
    #[error("cannot combine rules: {reason}")]
    Combination {
        /// Why.
        reason: String,
    },
    /// A rule needs circulating supplies that were not given.
    #[error("the rule `{rule}` needs the circulating supply of every asset; none was given")]
    NoSupplies {
        /// The rule.
        rule: String,
    },
    /// The path asked for is not supported by the rule.
    #[error("the rule `{rule}` has no {path} path")]
    UnsupportedPath {
        /// The rule.
        rule: String,
        /// The path.
        path: String,
    },
    /// A window that needs rule outputs or prices which do not exist.
    #[error("window of {rows} rows from row {start} does not fit: {detail}")]
    Window {
        /// First simulated row.
        start: usize,
        /// Number of simulated rows.
        rows: usize,
        /// What is missing.
        detail: String,
    },
}
