//! Colours and attributes that a line asks for with escape sequences (SGR, ECMA-48 8.3.117).

/// How a part of a line wants to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ink {
    /// The colour of the text.
    pub text: Tint,
    /// The colour behind it.
    pub ground: Tint,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub faint: bool,
    /// Slanted.
    pub italic: bool,
    /// Underlined.
    pub underlined: bool,
    /// Text and ground exchanged.
    pub reversed: bool,
}

/// A colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tint {
    /// Whatever the terminal has.
    #[default]
    Plain,
    /// One of a terminal's 256; the first 16 are the user's own.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

impl Ink {
    /// Obeys the parameters of one sequence: `1;31`. What is not known is passed over.
    pub fn obey(&mut self, parameters: &[u8]) {
        let mut numbers = parameters
            .split(|byte| matches!(byte, b';' | b':'))
            .map(number);
        while let Some(number) = numbers.next() {
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                7 => self.reversed = true,
                22 => (self.bold, self.faint) = (false, false),
                23 => self.italic = false,
                24 => self.underlined = false,
                27 => self.reversed = false,
                30..=37 => self.text = Tint::Indexed(byte(number - 30)),
                38 => self.text = extended(&mut numbers).unwrap_or(self.text),
                39 => self.text = Tint::Plain,
                40..=47 => self.ground = Tint::Indexed(byte(number - 40)),
                48 => self.ground = extended(&mut numbers).unwrap_or(self.ground),
                49 => self.ground = Tint::Plain,
                90..=97 => self.text = Tint::Indexed(byte(number - 90 + 8)),
                100..=107 => self.ground = Tint::Indexed(byte(number - 100 + 8)),
                _ => {}
            }
        }
    }
}

/// A parameter; one that is left out is 0.
fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |number: u16, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u16::from(digit.wrapping_sub(b'0').min(9)))
    })
}

/// `5;n` or `2;r;g;b`, after 38 or 48.
fn extended(numbers: &mut impl Iterator<Item = u16>) -> Option<Tint> {
    match numbers.next()? {
        5 => Some(Tint::Indexed(byte(numbers.next()?))),
        2 => Some(Tint::Rgb(
            byte(numbers.next()?),
            byte(numbers.next()?),
            byte(numbers.next()?),
        )),
        _ => None,
    }
}

fn byte(number: u16) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(parameters: &str) -> Ink {
        let mut ink = Ink::default();
        ink.obey(parameters.as_bytes());
        ink
    }

    #[test]
    fn colours_of_all_three_kinds_are_read() {
        let red = Ink {
            text: Tint::Indexed(1),
            bold: true,
            ..Ink::default()
        };
        assert_eq!(ink("1;31"), red);
        assert_eq!(ink("38;5;208").text, Tint::Indexed(208));
        assert_eq!(ink("48;2;1;2;3").ground, Tint::Rgb(1, 2, 3));
        assert_eq!(ink("97;44").text, Tint::Indexed(15));
        assert_eq!(ink("1;31;0"), Ink::default());
        assert_eq!(ink(""), Ink::default());
        assert_eq!(ink("38"), Ink::default());
        assert!(ink("99999999;4").underlined);
    }
}
