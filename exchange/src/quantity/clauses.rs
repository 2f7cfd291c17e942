//! The clauses that the statements of this module share, as equations.

use super::ciphertext::Ciphertext;
use super::keys::AccountKeys;
use super::statement::{Base, Sign, Statement, Variable};

use Sign::{Minus, Plus};

/// X1 and X2 among a statement's points.
pub(super) fn keys(statement: &mut Statement, keys: &AccountKeys) -> [Base; 2] {
    [&keys.x1, &keys.x2].map(|point| statement.point(point))
}

/// C1, C2 and C3 among a statement's points.
pub(super) fn ciphertext(statement: &mut Statement, ciphertext: &Ciphertext) -> [Base; 3] {
    ciphertext.points().map(|point| statement.point(point))
}

/// (A), and (B) with the receiver's keys: y1·X1 = C1, y2·X2 = C2.
pub(super) fn blinded(
    statement: &mut Statement,
    [y1, y2]: [Variable; 2],
    [x1, x2]: [Base; 2],
    [c1, c2]: [Base; 2],
) {
    statement.equation([(Plus, y1, x1)], [(Plus, c1)]);
    statement.equation([(Plus, y2, x2)], [(Plus, c2)]);
}

/// (C): (y1 + y2)·g + t·h = C3.
pub(super) fn hidden(statement: &mut Statement, [y1, y2]: [Variable; 2], t: Variable, c3: Base) {
    statement
        .equation([(Plus, y1, Base::G), (Plus, y2, Base::G), (Plus, t, Base::H)], [(Plus, c3)]);
}

/// (D): α·C̃1 + β·C̃2 − (y1 + y2)·g + t'·h = C̃3 − C3.
pub(super) fn left_over(
    statement: &mut Statement,
    [alpha, beta]: [Variable; 2],
    [y1, y2]: [Variable; 2],
    rest: Variable,
    [balance1, balance2, balance3]: [Base; 3],
    c3: Base,
) {
    statement.equation(
        [
            (Plus, alpha, balance1),
            (Plus, beta, balance2),
            (Minus, y1, Base::G),
            (Minus, y2, Base::G),
            (Plus, rest, Base::H),
        ],
        [(Plus, balance3), (Minus, c3)],
    );
}

/// α·C̃1 + β·C̃2 + v·h = C̃3.
pub(super) fn opened(
    statement: &mut Statement,
    [alpha, beta]: [Variable; 2],
    value: Variable,
    [balance1, balance2, balance3]: [Base; 3],
) {
    statement.equation(
        [(Plus, alpha, balance1), (Plus, beta, balance2), (Plus, value, Base::H)],
        [(Plus, balance3)],
    );
}

/// (K): α·X1 = g, β·X2 = g. Without it (D) does not say that α and β belong to these keys.
pub(super) fn known(statement: &mut Statement, [alpha, beta]: [Variable; 2], [x1, x2]: [Base; 2]) {
    statement.equation([(Plus, alpha, x1)], [(Plus, Base::G)]);
    statement.equation([(Plus, beta, x2)], [(Plus, Base::G)]);
}
