//! Remembers: operations in a hash-chained log, and settings of the console.
