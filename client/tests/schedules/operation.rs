//! The operations of a schedule.

/// What a hostile member says in the place of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    Honest,
    Silent,
    /// It complains of everybody.
    Complains,
    /// Its dealing does not open for the last recipient.
    Garbles,
}

/// A certified sum of what was submitted, or what looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// Of the inputs.
    Right,
    /// One of them stands twice.
    Twice,
    /// One of them is replaced by an update that is on no chain.
    Unseen,
    /// Of updates of an earlier attempt.
    Old,
    /// Added up over other inputs than it names.
    Other,
}

/// What the coordinator has sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Of what others have said and fits, the transactions at these places; the hostile institutions speak with a twist.
    Gather {
        said: Vec<usize>,
        twist: Twist,
    },
    Begin,
    EndStage,
    Open,
    /// Positions among the updates submitted.
    Close {
        inputs: Vec<usize>,
        sum: Sum,
    },
    Abandon,
    Result {
        right: bool,
    },
    /// The authority revokes an institution.
    Revoke {
        institution: usize,
    },
    /// The authority's request for a committee: members in the order of their places, and t.
    Change {
        members: Vec<usize>,
        threshold: u32,
    },
}

/// One operation of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Another history with the first blocks of this one. Hostile members deal anew there.
    Fork {
        of: usize,
        blocks: usize,
        deals_anew: bool,
    },
    Seal {
        branch: usize,
        order: Order,
    },
    /// So many of the next blocks of a history; the trustee then believes that it has caught up.
    Show {
        trustee: usize,
        branch: usize,
        blocks: usize,
    },
    /// Everyone but these is shown all of the history that is meant for it.
    ShowAll {
        except: Vec<usize>,
    },
    /// A block that it knows, or one that is not the next.
    ShowAgain {
        trustee: usize,
        branch: usize,
        block: usize,
    },
    /// The receipt for its last update says that it was accepted.
    Receipt {
        trustee: usize,
    },
    Restart {
        trustee: usize,
    },
    /// The file of blocks is lost, and the process begins again.
    LoseHistory {
        trustee: usize,
    },
    /// All that it had on disk is lost but its share. It counts as hostile from now on where the coordinator hides from it
    /// what it was shown before; where it does not, it must notice, and be harmless.
    LoseState {
        trustee: usize,
        is_hidden: bool,
    },
    /// The receipt for its last update says that it is expelled.
    Expel {
        trustee: usize,
    },
    BackUp {
        trustee: usize,
    },
    /// Its directory is that of an earlier time: from now on it counts as hostile.
    RollBack {
        trustee: usize,
    },
}
