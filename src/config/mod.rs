//! The only reader of files and environment variables that configure Wharf.
