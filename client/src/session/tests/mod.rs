//! One real institution over real gRPC, with a coordinator that each test plays by hand; the other three institutions
//! speak through the fixture.

mod lies;
mod losses;
mod node;
mod restarts;
mod rounds;
mod stage;
mod verify;
