//! What mo2023 prints, as far as its text has it. Its figure 4 is an image: of that, one sentence is left.

/// A column of the paper's table 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Printed {
    /// As the paper calls it.
    pub system: &'static str,
    /// Size of a proof, as a function of the circuit's size C and depth d, of its input, and of the number of digits l.
    pub theoretical: &'static str,
    /// Size of a proof, as printed.
    pub practical: &'static str,
    /// The same in bytes, for the figure.
    pub proof_bytes: f64,
}

/// Table 1, whole. Its "ZKSNARK" is the STARK of Ben-Sasson, Bentov, Horesh and Riabzev.
pub const TABLE_1: [Printed; 4] = [
    Printed {
        system: "Hyrax",
        theoretical: "O(d log C + √inp)",
        practical: "3.2 MB",
        proof_bytes: 3.2e6,
    },
    Printed {
        system: "Bulletproofs",
        theoretical: "O(log C)",
        practical: "2115 B",
        proof_bytes: 2115.0,
    },
    Printed {
        system: "ZKSNARK",
        theoretical: "O(log² C)",
        practical: "735 KB",
        proof_bytes: 735e3,
    },
    Printed { system: "mo2023", theoretical: "O(l)", practical: "3260 B", proof_bytes: 3260.0 },
];

/// What the text says of figure 4.
pub const FIGURE_4: &str = "mo2023 on its figure 4: \"more than twice as fast as the Bulletproofs scheme in proving\"; \
     no time is printed.";
