//! Parties that change, mix up or lose what they keep, and proxies that are asked for what nobody consented to.

use std::{
    fs,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use crate::common::{
    Cast, Issue, Member, PROGRAM, accept_and_kill, names, noise, reencrypt, search_without_ledger,
    show_pass,
};
use consilium_exchange::records::{Category, Period, Scope};
use consilium_proto::v1::Pass;
use consilium_records::custodian::store::Store;

const MONTH: &str = "2026-11";

#[test]
fn a_body_changed_in_the_custodians_store_is_refused_in_the_custodians_name() {
    let cast = Cast::new();
    let record = cast.record(&cast.owner, MONTH, "brakes", &noise(200_000));
    let path = cast.custodian.dir.join("records/bodies").join(&record);
    let whole = fs::read(&path).unwrap();
    cast.consent(&cast.ask("brakes"));
    let mut changed = whole.clone();
    changed[150_000] ^= 1;
    let mut swapped = whole.clone();
    let chunk = 64 * 1024 + 16;
    swapped.copy_within(chunk..2 * chunk, 0);
    for (body, says) in [(&changed, "chunk 2"), (&swapped, "chunk 0")] {
        fs::write(&path, body).unwrap();
        let out = cast.world.path("read");
        let message = cast.world.refused(&cast.requester.dir, &cast.fetch_arguments(&out), 5);
        let custodian = format!("custodian {}", cast.custodian.name.short());
        assert!(message.contains(&custodian) && message.contains(says), "{message}");
        assert_eq!(names(&out), Vec::<String>::new());
    }
    // One that is cut short is not even served.
    fs::write(&path, &whole[..100]).unwrap();
    let out = cast.world.path("read");
    let message = cast.world.refused(&cast.requester.dir, &cast.fetch_arguments(&out), 4);
    assert!(message.contains("damaged at its custodian"), "{message}");
    fs::write(&path, &whole).unwrap();
    cast.world.run(&cast.requester.dir, &cast.fetch_arguments(&out));
    assert_eq!(names(&out), [format!("{record}.record")]);
}

#[test]
fn a_custodian_killed_in_the_middle_of_a_store_loses_nothing_acknowledged_and_keeps_nothing_half() {
    let mut cast = Cast::new();
    cast.publish(&cast.owner, MONTH);
    let bodies = cast.custodian.dir.join("records/bodies");
    let kept = cast.store(&cast.owner, MONTH, "brakes", b"acknowledged");

    // A record that never ends: the store has written some of it when it is killed.
    let pipe = cast.world.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    let arguments = cast.store_arguments(&cast.owner, MONTH, pipe);
    let mut store = cast.world.command(&cast.custodian.dir, &arguments);
    let mut store = store.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut source = fs::File::options().write(true).open(pipe).unwrap();
    std::io::Write::write_all(&mut source, &noise(1_000_000)).unwrap();
    let is_partial = |name: &String| name.ends_with(".incomplete");
    while !names(&bodies).iter().any(is_partial) {
        sleep(Duration::from_millis(10));
    }
    store.kill().unwrap();
    store.wait().unwrap();
    cast.custodian_server.kill();
    assert!(names(&bodies).iter().any(is_partial));

    cast.custodian_server = cast.world.serve(&cast.custodian);
    assert_eq!(names(&bodies), [kept.as_str()]);
    let offers = ["owner", "offers", "--custodian", cast.custodian.card()];
    let offers = cast.world.json(&cast.owner.dir, &offers);
    assert_eq!(offers.as_array().unwrap().len(), 1);
    assert_eq!(offers[0]["record"], kept.as_str());
    cast.accept(&cast.owner, &kept);
}

#[test]
fn what_an_owner_has_accepted_comes_to_the_ledger_though_the_custodian_is_killed() {
    let mut cast = Cast::new();
    cast.publish(&cast.owner, MONTH);
    let record = cast.store(&cast.owner, MONTH, "brakes", b"accepted");
    accept_and_kill(&mut cast, &record);
    cast.custodian_server = cast.world.serve(&cast.custodian);
    let mut waited = 0;
    while cast.world.json(&cast.owner.dir, &["status"])["records"] != 1 {
        waited += 1;
        assert!(waited < 60, "the record never came to the ledger");
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_disk_that_is_full_is_named_and_leaves_nothing_half_stored() {
    let cast = Cast::new();
    cast.publish(&cast.owner, MONTH);
    let file = cast.world.file("large", &noise(20_000_000));
    let arguments = cast.store_arguments(&cast.owner, MONTH, &file);
    // No file may grow beyond some ten megabytes: what a full disk says, the system says then, too.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 10000; exec \"$0\" \"$@\"", PROGRAM])
        .args(arguments)
        .args([
            "--party",
            cast.custodian.dir(),
            "--plain",
            "--coordinator",
            &cast.world.coordinator,
        ])
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("nothing of the record is kept"), "{message}");
    assert_eq!(names(&cast.custodian.dir.join("records/bodies")), Vec::<String>::new());
    assert_eq!(names(&cast.custodian.dir.join("records/intake")), Vec::<String>::new());
}

#[test]
fn a_proxy_asked_for_another_record_owner_or_month_refuses_with_the_reason() {
    let mut cast = Cast::new();
    let neighbour = cast.world.admit("owner", "neighbour");
    cast.record(&cast.owner, MONTH, "brakes", b"consented to");
    cast.record(&cast.owner, MONTH, "paint", b"of another word");
    cast.record(&cast.owner, "2026-10", "brakes", b"of another month");
    cast.record(&neighbour, MONTH, "brakes", b"of another owner");
    let consent = cast.consent(&cast.ask("brakes"));
    // What the custodian itself would not show this requester.
    cast.custodian_server.kill();
    let store = Store::open(&cast.custodian.dir).unwrap();
    let of = |owner: &Member, month| {
        let scope = Scope {
            owner: owner.name,
            custodian: cast.custodian.name,
            category: Category::new("repairs").unwrap(),
            period: Period::new(2026, month).unwrap(),
        };
        store.of_scope(&scope).unwrap()
    };
    let of_month = of(&cast.owner, 11);
    let answers: Vec<_> = of_month
        .iter()
        .chain(&of(&cast.owner, 10))
        .chain(&of(&neighbour, 11))
        .map(|stored| reencrypt(&cast, &cast.proxies[0], &consent, stored.clone()))
        .collect();
    let (both, others) = answers.split_at(2);
    // Of the two records of the month one carries the word.
    let refused: Vec<_> = both.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].contains("no keyword of the consent is on this record"), "{refused:?}");
    let reasons: Vec<_> = others.iter().map(|answer| answer.as_ref().unwrap_err()).collect();
    assert!(reasons[0].contains("its month is another"), "{reasons:?}");
    assert!(reasons[1].contains("its owner is another"), "{reasons:?}");

    // A header that is not the one on the ledger.
    let mut forged = of_month[0].clone();
    let last = forged.header.len() - 1;
    forged.header[last] ^= 1;
    let answer = reencrypt(&cast, &cast.proxies[0], &consent, forged).unwrap_err();
    assert!(answer.contains("not the one whose hash is on the ledger"), "{answer}");
}

#[test]
fn a_proxy_that_cannot_see_the_ledger_does_nothing_since_a_consent_may_have_been_withdrawn() {
    let mut cast = Cast::new();
    cast.record(&cast.owner, MONTH, "brakes", b"front and rear");
    let consent = cast.consent(&cast.ask("brakes"));
    let reason = search_without_ledger(&mut cast, &consent);
    assert!(reason.contains("cannot see what was withdrawn"), "{reason}");
}

#[test]
fn a_pass_lets_in_its_holder_alone_to_what_it_names_while_its_consent_is_in_force() {
    let cast = Cast::new();
    let record = cast.record(&cast.owner, MONTH, "brakes", b"front and rear");
    let consent = cast.consent(&cast.ask("brakes"));
    let issue = || Issue {
        custodian: cast.custodian.name,
        holder: cast.requester.name,
        month: 11,
        until_ms: u64::MAX,
        bodies: true,
    };
    let show = |issue| show_pass(&cast, &consent, &record, issue, |_| {});
    assert_eq!(show(issue()), "served");
    for (other, says) in [
        (Issue { custodian: cast.owner.name, ..issue() }, "for another custodian"),
        (Issue { holder: cast.proxies[0].name, ..issue() }, "for another party"),
        (Issue { month: 10, ..issue() }, "not for the body of this record"),
        (Issue { bodies: false, ..issue() }, "not for the body of this record"),
        (Issue { until_ms: 1, ..issue() }, "has ended"),
    ] {
        let reason = show(other);
        assert!(reason.contains(says), "{reason} should say {says}");
    }
    let changes: [fn(&mut Pass); 5] = [
        |pass| pass.months = vec![2026 * 12],
        |pass| pass.until_ms -= 1,
        |pass| pass.category.push('x'),
        |pass| pass.holder[0] ^= 1,
        |pass| pass.signature[5] ^= 1,
    ];
    for change in changes {
        let reason = show_pass(&cast, &consent, &record, issue(), change);
        assert!(reason.contains("not one that its owner has signed"), "{reason}");
    }
    let unknown = "11".repeat(32);
    let reason = show_pass(&cast, &unknown, &record, issue(), |_| {});
    assert!(reason.contains("not in a sealed block yet"), "{reason}");
    cast.world.run(&cast.owner.dir, &["owner", "withdraw", &consent]);
    // The custodian reads the withdrawal's block a moment after the owner.
    let mut reason = String::from("served");
    for _ in 0..100 {
        reason = show(issue());
        if reason != "served" {
            break;
        }
        sleep(Duration::from_millis(20));
    }
    assert!(reason.contains("withdrawn by its owner"), "{reason}");
}
