//! Rows that a site does not train on, so that it can say how good a model is.

use crate::dataset::Dataset;
use crate::random::{shuffle, stream};
use crate::split::Split;

impl Dataset {
    /// Holds out a share of the rows of each class at random, rounded, or of all rows where the target is a number; the same ones for one seed, whatever is trained.
    ///
    /// Unlike [`Dataset::split`], a site may have one class only, or one row: something is left to train on, and nothing may be
    /// held out.
    #[must_use]
    pub fn hold_out(&self, share: f64, seed: u64) -> Split {
        let mut rng = stream("hold out", seed);
        let mut split = Split { train: Vec::new(), test: Vec::new() };
        for mut members in self.strata() {
            shuffle(&mut members, &mut rng);
            let held_out = (share.clamp(0.0, 1.0) * members.len() as f64).round() as usize;
            split.train.extend(members.split_off(held_out));
            split.test.extend(members);
        }
        if split.train.is_empty() {
            split.train.extend(split.test.pop());
        }
        split.train.sort_unstable();
        split.test.sort_unstable();
        split
    }
}

#[cfg(test)]
mod tests {
    use crate::dataset::tests::dataset;
    use crate::{Schema, Source, dictionary::Dictionary};

    #[test]
    fn a_fifth_of_each_class_is_held_out_and_the_same_rows_each_time() {
        let csv: String = (0..50).map(|i| format!("{i},{}\n", u8::from(i % 5 == 0))).collect();
        let data = dataset("", &format!("a,y\n{csv}")).unwrap();
        let split = data.hold_out(0.2, 7);
        let positive = split.test.iter().filter(|&&row| row % 5 == 0).count();
        assert_eq!((split.test.len(), positive, split.train.len()), (10, 2, 40));
        assert!(split.test.iter().all(|row| !split.train.contains(row)));
        assert_eq!(split, data.hold_out(0.2, 7));
        assert_ne!(split, data.hold_out(0.2, 8));
    }

    #[test]
    fn a_site_with_one_class_or_one_row_still_trains() {
        let one_class = dataset("", "a,y\n1,1\n2,1\n3,1\n").unwrap();
        let split = one_class.hold_out(0.34, 1);
        assert_eq!((split.test.len(), split.train.len()), (1, 2));
        let one_row = dataset("", "a,y\n1,1\n").unwrap();
        let split = one_row.hold_out(0.9, 1);
        assert_eq!((split.test.len(), split.train.len()), (0, 1));
    }

    #[test]
    fn of_several_classes_a_share_of_each_is_held_out_and_of_numbers_a_share_of_all() {
        let rows: String = (0..60).map(|i| format!("{i},{}\n", i % 3)).collect();
        let open = |target: &str| {
            let text = format!(
                "format=1\nname='t'\n[target]\ncolumn='y'\n{target}\n[[columns]]\nname='a'\nkind='number'\nunit=''\n\
                 minimum=0\nmaximum=60\n"
            );
            let schema = "name='t'\nfile='t.csv'\ntarget={column='y'}\n";
            let schema = Schema::parse(schema, "t.toml").unwrap();
            let source = Source::new(schema, "t.csv", format!("a,y\n{rows}").into_bytes());
            Dictionary::parse(&text).unwrap().open(&source).unwrap().0
        };
        let split = open("classes=['0','1','2']").hold_out(0.2, 7);
        for class in 0..3 {
            assert_eq!(split.test.iter().filter(|&&row| row % 3 == class).count(), 4);
        }
        let split = open("unit='d'\nminimum=0\nmaximum=2").hold_out(0.2, 7);
        assert_eq!((split.test.len(), split.train.len()), (12, 48));
    }
}
