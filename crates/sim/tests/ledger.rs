//! Named scenarios in virtual time: what happened to every payload, and in which time.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "shared/stage.rs"]
mod stage;

use mainstay_policy::State;
use mainstay_sim::peer::{Answer, BrokerRules, WsRules};
use mainstay_sim::story::{Expect, Role, pattern};
use stage::{SEC, Stage, secured, tcp};

#[test]
fn smoke() {
    let mut stage = Stage::new(
        r#""retry":[{"r":{"backoff":[1000],"conceal":65535}}],
        "s":[
        {"ws":{"endpoint":"192.0.2.1","port":80,"protocol":"ws","http_url":"","nailed_up":true,"retry":"r"}},
        {"get":{"endpoint":"192.0.2.1","port":81,"protocol":"h1","http_method":"GET","http_url":"x"}},
        {"post":{"endpoint":"192.0.2.1","port":81,"protocol":"h1","http_method":"POST","http_url":"x"}},
        {"h2":{"endpoint":"192.0.2.1","port":82,"protocol":"h2","http_method":"POST","http_url":"x"}},
        {"mqtt":{"endpoint":"192.0.2.1","port":1883,"protocol":"mqtt","mqtt_topic":"up/x","mqtt_subscribe":"down/#","mqtt_qos":1,"nailed_up":true}},
        {"raw":{"endpoint":"192.0.2.1","port":7,"protocol":"raw","nailed_up":true,"retry":"r"}}]"#,
    );
    stage.ws("192.0.2.1:80", WsRules::default());
    stage.h1("192.0.2.1:81", |_, _, _| Answer::ok(pattern(1000)));
    stage.h2("192.0.2.1:82", |_, _, _| Answer::ok(pattern(1000)));
    stage.broker("192.0.2.1:1883", BrokerRules::default());
    stage.echo("192.0.2.1:7");
    for (kind, expect, announce) in [
        ("ws", Expect::Echo, false),
        ("get", Expect::Pattern, false),
        ("post", Expect::Pattern, true),
        ("h2", Expect::Pattern, true),
        ("mqtt", Expect::Messages, true),
        ("raw", Expect::Echo, false),
    ] {
        stage.role(kind, Role { messages: 10, size: 3000, announce, expect, react: None });
        stage.create(kind);
    }
    stage.run(SEC * 60);
    for kind in ["ws", "get", "post", "h2", "mqtt", "raw"] {
        let story = stage.story(kind);
        println!(
            "{kind}: {:?} todo {} {:?} messages {}",
            story.ledger.counts(),
            story.todo,
            story.path(),
            story.messages
        );
    }
}
