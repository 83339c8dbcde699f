//! What runs of pipelines promise.
