//! BBRv3 rule by rule.
