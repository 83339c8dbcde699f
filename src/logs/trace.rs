//! Lines that belong to the one before: stack traces, indented text.

/// Whether a line goes on with what the line before began (Java, Python, Go, Ruby, .NET, Node, Rust).
pub fn continues(line: &[u8]) -> bool {
    match line.first() {
        Some(b' ' | b'\t') => true,
        Some(b'C') => line.starts_with(b"Caused by:"),
        Some(b'.') => line.starts_with(b"... "),
        Some(b'}' | b')' | b']') => line.len() <= 2,
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::continues;

    #[test]
    fn frames_of_a_trace_go_on_with_it() {
        for line in [
            "\tat com.example.Main.run(Main.java:7)",
            "Caused by: java.io.IOException: gone",
            "... 12 more",
            "  File \"app.py\", line 3, in main",
            "}",
        ] {
            assert!(continues(line.as_bytes()), "{line}");
        }
        for line in ["", "Error: x", "Cause", "...", "{\"a\":1}"] {
            assert!(!continues(line.as_bytes()), "{line}");
        }
    }
}
