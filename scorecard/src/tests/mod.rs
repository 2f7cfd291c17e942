mod binary;
mod number;
mod several;
