use super::*;

const MAC: LinkAddress = Mac([2, 0, 0, 0, 0, 1]);
const OTHER: LinkAddress = Mac([2, 0, 0, 0, 0, 2]);

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn table(count_max: usize) -> Neighbours {
    let config = Config { neighbours_max: count_max, held_packets_max: 2, ..Config::default() };
    Neighbours::new(&config)
}

fn ask(table: &mut Neighbours, seconds: u64, last: u8) -> (Resolution, usize) {
    let mut out = Outcome::default();
    let resolution = table.resolve(at(seconds), ip(last), &mut out);
    (resolution, out.asks.len())
}

fn claim(table: &mut Neighbours, seconds: u64, claim: Claim) -> Outcome {
    let mut out = Outcome::default();
    let _changed = table.claimed(at(seconds), &mut Rng::from_run(1), claim, &mut out);
    out
}

fn answer(last: u8, mac: LinkAddress) -> Claim {
    Claim { address: ip(last), mac: Some(mac), solicited: true, overriding: true }
}

fn state(table: &Neighbours, last: u8) -> Option<Reachability> {
    table.iter().find(|n| n.address == ip(last)).map(|n| n.reachability)
}

fn tick(table: &mut Neighbours, seconds: u64) -> Outcome {
    let mut out = Outcome::default();
    table.handle_timeout(at(seconds), &mut out);
    assert!(table.poll_timeout().is_none_or(|next| next > at(seconds)));
    out
}

#[test]
fn an_answer_releases_what_waited_and_the_oldest_of_too_many_is_lost() {
    let mut table = table(4);
    assert_eq!(ask(&mut table, 0, 1), (Resolution::Pending, 1));
    assert_eq!(ask(&mut table, 0, 1), (Resolution::Pending, 0));
    for byte in 0..3 {
        assert!(table.hold(ip(1), [byte].to_vec()));
    }
    let out = claim(&mut table, 1, answer(1, MAC));
    assert_eq!(out.released, [(MAC, [1].to_vec()), (MAC, [2].to_vec())]);
    assert_eq!(table.held_bytes, 0);
    assert_eq!(ask(&mut table, 1, 1), (Resolution::Known(MAC), 0));
}

#[test]
fn silence_ends_after_three_questions_and_what_waited_comes_back() {
    let mut table = table(4);
    let _pending = ask(&mut table, 0, 1);
    assert!(table.hold(ip(1), [7].to_vec()));
    assert_eq!(tick(&mut table, 1).asks.len(), 1);
    assert_eq!(tick(&mut table, 2).asks.len(), 1);
    let out = tick(&mut table, 3);
    assert_eq!((out.asks.len(), out.undeliverable.len()), (0, 1));
    assert_eq!(ask(&mut table, 3, 1), (Resolution::Absent, 0));
    let _gone = tick(&mut table, 4);
    assert_eq!(ask(&mut table, 4, 1), (Resolution::Pending, 1));
}

#[test]
fn a_neighbour_goes_stale_is_used_is_asked_and_is_forgotten() {
    let mut table = table(4);
    let _pending = ask(&mut table, 0, 1);
    let _known = claim(&mut table, 0, answer(1, MAC));
    let _stale = tick(&mut table, 46);
    assert_eq!(state(&table, 1), Some(Reachability::Stale));
    assert_eq!(table.poll_timeout(), None);
    assert_eq!(ask(&mut table, 50, 1), (Resolution::Known(MAC), 0));
    assert_eq!(state(&table, 1), Some(Reachability::Delay));
    assert_eq!(tick(&mut table, 55).asks, [Ask { address: ip(1), mac: Some(MAC) }]);
    assert_eq!(tick(&mut table, 56).asks.len(), 1);
    assert_eq!(tick(&mut table, 57).asks.len(), 1);
    assert_eq!(tick(&mut table, 58).asks.len(), 0);
    assert_eq!(state(&table, 1), None);
}

#[test]
fn an_upper_layer_that_hears_from_a_neighbour_spares_the_question() {
    let mut table = table(4);
    let mut out = Outcome::default();
    assert!(table.heard(at(0), ip(1), MAC, &mut out));
    let _delay = ask(&mut table, 0, 1);
    table.confirm(at(1), &mut Rng::from_run(1), ip(1));
    assert_eq!(state(&table, 1), Some(Reachability::Reachable));
    assert!(tick(&mut table, 15).asks.is_empty());
}

#[test]
fn a_claim_nobody_asked_for_is_not_believed_without_the_override() {
    let mut table = table(4);
    let _pending = ask(&mut table, 0, 1);
    let _known = claim(&mut table, 0, answer(1, MAC));
    let _forged = claim(&mut table, 1, Claim { overriding: false, ..answer(1, OTHER) });
    assert_eq!(state(&table, 1), Some(Reachability::Stale));
    assert_eq!(ask(&mut table, 1, 1).0, Resolution::Known(MAC));
    let unknown = claim(&mut table, 1, answer(9, OTHER));
    assert!(unknown.released.is_empty());
    assert_eq!(state(&table, 9), None);
}

#[test]
fn an_override_is_followed_but_not_trusted() {
    let mut table = table(4);
    let _pending = ask(&mut table, 0, 1);
    let _known = claim(&mut table, 0, answer(1, MAC));
    let _moved = claim(&mut table, 1, Claim { solicited: false, ..answer(1, OTHER) });
    assert_eq!(state(&table, 1), Some(Reachability::Stale));
    assert_eq!(ask(&mut table, 1, 1).0, Resolution::Known(OTHER));
}

#[test]
fn a_contested_neighbour_is_asked_at_once_and_keeps_its_address_if_it_answers() {
    let mut table = table(4);
    let _pending = ask(&mut table, 0, 1);
    let _known = claim(&mut table, 0, answer(1, MAC));
    let mut out = Outcome::default();
    assert!(table.heard(at(1), ip(1), OTHER, &mut out));
    assert_eq!(out.asks, [Ask { address: ip(1), mac: Some(MAC) }]);
    assert!(table.is_asked(ip(1)));
    let _kept = claim(&mut table, 1, answer(1, MAC));
    assert_eq!(ask(&mut table, 1, 1).0, Resolution::Known(MAC));
}

#[test]
fn a_flood_of_strangers_drives_out_no_neighbour_in_use() {
    let mut table = table(3);
    let _pending = ask(&mut table, 0, 1);
    let _known = claim(&mut table, 0, answer(1, MAC));
    let _asked = ask(&mut table, 0, 2);
    let mut out = Outcome::default();
    for last in 10..200 {
        let _kept = table.heard(at(1), ip(last), OTHER, &mut out);
    }
    assert_eq!(table.iter().count(), 3);
    assert_eq!(state(&table, 1), Some(Reachability::Reachable));
    assert_eq!(state(&table, 2), Some(Reachability::Incomplete));
    // What we ask for ourselves may take anybody's place.
    assert_eq!(ask(&mut table, 2, 3), (Resolution::Pending, 1));
    assert_eq!(ask(&mut table, 2, 4), (Resolution::Pending, 1));
    assert_eq!(state(&table, 1), Some(Reachability::Reachable));
}
