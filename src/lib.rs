//! gradpool
