//! What a proof states: linear equations among secret scalars and small numbers, over public points.
//!
//! Scalars w_1..w_m and numbers v_1, v_2, … below 4^n_a; equations φ_k(w, v) = Q_k, each side a sum of ± terms. The left has
//! variables times bases, the right bases. A proof's transcript says all of it: every point in the encoding in which it
//! came, every term of every equation.

use consilium_crypto::building_blocks::{inner, powers};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use zeroize::{Zeroize, Zeroizing};

use super::point::Point;
use super::transcript::Context;

/// Values of a digit.
const DIGIT_VALUES: u64 = 4;

/// What is secret in a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// w, by its place.
    Scalar(u8),
    /// v, by its place.
    Number(u8),
}

/// What is public in a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    G,
    H,
    /// One of the statement's points, by its place.
    Point(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    fn of(self, scalar: Scalar) -> Scalar {
        match self {
            Self::Plus => scalar,
            Self::Minus => -scalar,
        }
    }
}

/// φ_k(w, v) = Q_k.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Equation {
    pub(super) left: Vec<(Sign, Variable, Base)>,
    pub(super) right: Vec<(Sign, Base)>,
}

/// Coefficients of g, of h and of each of a statement's points. A prover's are secret and are wiped by hand.
#[derive(Zeroize)]
pub(super) struct Coefficients {
    pub(super) g: Scalar,
    pub(super) h: Scalar,
    pub(super) points: Vec<Scalar>,
}

impl Coefficients {
    fn zero(points: usize) -> Self {
        Self { g: Scalar::ZERO, h: Scalar::ZERO, points: vec![Scalar::ZERO; points] }
    }

    fn add(&mut self, base: Base, scalar: Scalar) {
        let coefficient = match base {
            Base::G => Some(&mut self.g),
            Base::H => Some(&mut self.h),
            Base::Point(place) => self.points.get_mut(usize::from(place)),
        };
        // Bases come from `Statement::point` only, so each is there.
        debug_assert!(coefficient.is_some());
        coefficient.into_iter().for_each(|coefficient| *coefficient += scalar);
    }
}

/// What is proven, and in which context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) context: Context,
    /// m.
    pub(super) scalars: usize,
    /// n_a, digits of each number.
    pub(super) digits: Vec<u32>,
    pub(super) points: Vec<Point>,
    pub(super) equations: Vec<Equation>,
}

impl Statement {
    pub(super) fn new(context: Context) -> Self {
        let (points, equations) = Default::default();
        Self { context, scalars: 0, digits: Vec::new(), points, equations }
    }

    /// The next scalar.
    pub(super) fn scalar(&mut self) -> Variable {
        let variable = Variable::Scalar(self.scalars as u8);
        self.scalars += 1;
        variable
    }

    /// The next number, below 4^digits.
    pub(super) fn number(&mut self, digits: u32) -> Variable {
        let variable = Variable::Number(self.digits.len() as u8);
        self.digits.push(digits);
        variable
    }

    /// The next point.
    pub(super) fn point(&mut self, point: &Point) -> Base {
        let base = Base::Point(self.points.len() as u8);
        self.points.push(*point);
        base
    }

    /// The next equation.
    pub(super) fn equation<const N: usize, const M: usize>(
        &mut self,
        left: [(Sign, Variable, Base); N],
        right: [(Sign, Base); M],
    ) {
        self.equations.push(Equation { left: left.to_vec(), right: right.to_vec() });
    }

    /// n, digits of all numbers.
    pub(super) fn total_digits(&self) -> usize {
        self.digits.iter().map(|digits| *digits as usize).sum()
    }

    /// A transcript that has said the context and all of the statement.
    pub(super) fn begin(&self) -> Transcript {
        let mut transcript = self.context.begin();
        transcript.append_u64(b"scalars", self.scalars as u64);
        for digits in &self.digits {
            transcript.append_u64(b"digits", u64::from(*digits));
        }
        let points: Vec<u8> = self.points.iter().flat_map(|point| *point.encoding()).collect();
        transcript.append_message(b"points", &points);
        for equation in &self.equations {
            transcript.append_message(b"equation", &equation.encode());
        }
        transcript
    }

    /// Σ ρ^k·φ_k, base by base, at values of the scalars and after them of all digits.
    pub(super) fn left(&self, rho: &Scalar, values: &[Scalar]) -> Coefficients {
        let (scalars, mut digits) = values.split_at_checked(self.scalars).unwrap_or_default();
        let places: Vec<_> = powers(Scalar::from(DIGIT_VALUES)).take(digits.len()).collect();
        let mut numbers = Zeroizing::new(Vec::with_capacity(self.digits.len()));
        for count in &self.digits {
            let (own, rest) = digits.split_at_checked(*count as usize).unwrap_or_default();
            numbers.push(inner(&places, own));
            digits = rest;
        }
        let value = |variable: Variable| match variable {
            Variable::Scalar(place) => scalars.get(usize::from(place)),
            Variable::Number(place) => numbers.get(usize::from(place)),
        };
        let mut sum = Coefficients::zero(self.points.len());
        for (power, equation) in powers(*rho).zip(&self.equations) {
            for (sign, variable, base) in &equation.left {
                let value = value(*variable).copied().unwrap_or_default();
                sum.add(*base, sign.of(power * value));
            }
        }
        sum
    }

    /// Σ ρ^k·Q_k, base by base.
    pub(super) fn right(&self, rho: &Scalar) -> Coefficients {
        let mut sum = Coefficients::zero(self.points.len());
        for (power, equation) in powers(*rho).zip(&self.equations) {
            equation.right.iter().for_each(|(sign, base)| sum.add(*base, sign.of(power)));
        }
        sum
    }

    /// The points that a left side has, with their coefficients.
    pub(super) fn on_the_left(&self, coefficients: &Coefficients) -> Vec<(Scalar, RistrettoPoint)> {
        let bases = || self.equations.iter().flat_map(|equation| &equation.left);
        let used = |place: usize| bases().any(|(_, _, base)| *base == Base::Point(place as u8));
        let terms = coefficients.points.iter().zip(&self.points).enumerate();
        let used = terms.filter(|(place, _)| used(*place));
        used.map(|(_, (scalar, point))| (*scalar, *point.element())).collect()
    }
}

impl Base {
    fn encode(self) -> [u8; 2] {
        match self {
            Self::G => [0, 0],
            Self::H => [1, 0],
            Self::Point(place) => [2, place],
        }
    }
}

impl Equation {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.left.len() as u8, self.right.len() as u8];
        for (sign, variable, base) in &self.left {
            let variable = match variable {
                Variable::Scalar(place) => [0, *place],
                Variable::Number(place) => [1, *place],
            };
            bytes.push(*sign as u8);
            bytes.extend(variable);
            bytes.extend(base.encode());
        }
        for (sign, base) in &self.right {
            bytes.push(*sign as u8);
            bytes.extend(base.encode());
        }
        bytes
    }
}
