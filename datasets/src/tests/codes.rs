use super::{message, read};
use crate::Preprocessor;

const CODES: &str = "code,a,y\n3E2,1,1\n300,2,0\n01882,3,1\n1882,4,0\n250.0,5,1\n250.00,6,0\n\
                     12345678901234567,7,1\n12345678901234568,8,0\n";

fn categories(rest: &str, csv: &str) -> Vec<String> {
    let data = read(&format!("{rest}\ntarget={{column='y', positive=1}}"), csv.as_bytes()).unwrap();
    let all: Vec<usize> = (0..data.rows()).collect();
    let names = Preprocessor::fit(&data, &all).unwrap().feature_names();
    names.iter().filter_map(|name| name.strip_prefix("code = ")).map(str::to_owned).collect()
}

#[test]
fn every_spelling_of_a_code_is_a_category_of_its_own() {
    let found = categories("categorical=['code']", CODES);
    assert_eq!(found.len(), 8, "{found:?}");
    for code in ["3E2", "300", "01882", "1882", "250.0", "250.00", "12345678901234567"] {
        assert!(found.iter().any(|category| category == code), "{code}");
    }
}

#[test]
fn codes_that_are_numbers_have_one_spelling_where_the_schema_says_so() {
    let csv = "code,a,y\n1.0,1,1\n1,2,0\n01,3,1\n2,4,0\nx,5,0\n";
    assert_eq!(categories("categorical=['code']\nnumber_codes=['code']", csv), ["1", "2", "x"]);
    let message = message("number_codes=['code']\ntarget={column='y', positive=1}", csv.as_bytes());
    assert!(
        message.contains("number_codes column `code` is not declared categorical"),
        "{message}"
    );
}
