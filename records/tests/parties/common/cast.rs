//! An owner, a custodian, three proxies and a requester who is a member of the group.

use std::path::Path;

use super::{Member, Server, World};

pub const CATEGORY: &str = "repairs";
pub const MONTH: &str = "2026-11";

/// See the module. All who serve do.
pub struct Cast {
    // Dropped first: parties stop before their coordinator does.
    pub proxy_servers: Vec<Server>,
    pub custodian_server: Server,
    /// For letters alone: nothing is done to it.
    pub _requester_server: Server,
    pub owner: Member,
    pub custodian: Member,
    pub proxies: Vec<Member>,
    pub requester: Member,
    pub issuer: Member,
    pub opener: Member,
    pub world: World,
}

impl Cast {
    pub fn new() -> Self {
        let world = World::new();
        let issuer = world.admit("issuer", "issuer");
        let opener = world.admit("opener", "opener");
        world.found_group("issuer", "opener");
        let owner = world.admit("owner", "owner");
        let custodian = world.admit("custodian", "shop");
        let requester = world.admit("requester", "insurer");
        let proxy = |place: u8| world.admit("proxy", &format!("proxy-{place}"));
        let proxies: Vec<Member> = (1..=3).map(proxy).collect();
        let proxy_servers = proxies.iter().map(|proxy| world.serve(proxy)).collect();
        let custodian_server = world.serve(&custodian);
        let requester_server = world.serve(&requester);
        world.run(&requester.dir, &["requester", "join"]);
        world.run(&issuer.dir, &["issuer", "certify", "--member", requester.card()]);
        Self {
            proxy_servers,
            custodian_server,
            _requester_server: requester_server,
            owner,
            custodian,
            proxies,
            requester,
            issuer,
            opener,
            world,
        }
    }

    pub fn publish(&self, owner: &Member, month: &str) {
        let arguments = [
            "owner",
            "publish",
            "--custodian",
            self.custodian.card(),
            "--category",
            CATEGORY,
            "--month",
            month,
        ];
        self.world.run(&owner.dir, &arguments);
    }

    /// What stores a record of an owner.
    pub fn store_arguments<'a>(
        &'a self,
        owner: &'a Member,
        month: &'a str,
        file: &'a str,
    ) -> Vec<&'a str> {
        vec![
            "custodian",
            "store",
            "--owner",
            owner.card(),
            "--category",
            CATEGORY,
            "--month",
            month,
            file,
        ]
    }

    /// Stores a record under a word; its hash.
    pub fn store(&self, owner: &Member, month: &str, word: &str, bytes: &[u8]) -> String {
        let file = self.world.file("to-store", bytes);
        let mut arguments = self.store_arguments(owner, month, &file);
        arguments.extend(["--keyword", word]);
        let stored = self.world.json(&self.custodian.dir, &arguments);
        stored["record"].as_str().unwrap().to_owned()
    }

    pub fn accept(&self, owner: &Member, record: &str) {
        let arguments = ["owner", "accept", "--custodian", self.custodian.card(), record];
        self.world.run(&owner.dir, &arguments);
    }

    /// Publishes a key, stores a record and accepts it; its hash.
    pub fn record(&self, owner: &Member, month: &str, word: &str, bytes: &[u8]) -> String {
        self.publish(owner, month);
        let record = self.store(owner, month, word, bytes);
        self.accept(owner, &record);
        record
    }

    /// Asks the owner for records with a word; the request.
    pub fn ask(&self, word: &str) -> String {
        let arguments = [
            "requester",
            "ask",
            "--owner",
            self.owner.card(),
            "--custodian",
            self.custodian.card(),
            "--category",
            CATEGORY,
            "--month",
            MONTH,
            "--keyword",
            word,
            "--purpose",
            "claim 4711: was it repaired before?",
            "--relay",
            self.proxies[0].card(),
        ];
        let asked = self.world.json(&self.requester.dir, &arguments);
        asked["request"].as_str().unwrap().to_owned()
    }

    /// What consents to a request through two of the three proxies.
    pub fn consent_arguments<'a>(&'a self, request: &'a str) -> Vec<&'a str> {
        let mut arguments = vec![
            "owner",
            "consent",
            "--request",
            request,
            "--requester",
            self.requester.card(),
            "--custodian",
            self.custodian.card(),
            "--threshold",
            "2",
            "--until",
            "2099-01-01",
        ];
        for proxy in &self.proxies {
            arguments.extend(["--proxy", proxy.card()]);
        }
        arguments
    }

    /// Consents to a request through two of the three proxies; the consent.
    pub fn consent(&self, request: &str) -> String {
        let arguments = self.consent_arguments(request);
        let given = self.world.json(&self.owner.dir, &arguments);
        given["consent"].as_str().unwrap().to_owned()
    }

    pub fn fetch_arguments<'a>(&self, out: &'a Path) -> [&'a str; 4] {
        ["requester", "fetch", "--out", out.to_str().unwrap()]
    }
}
