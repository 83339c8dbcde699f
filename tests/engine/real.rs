//! What only real engines can show: real processes, real terminals.
