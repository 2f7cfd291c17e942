//! A wire that is cut.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

/// The address of a relay to `target` that passes so many connections on, and swallows what comes after.
pub fn relay(target: SocketAddr, most: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut swallowed = Vec::new();
        for (connection, near) in listener.incoming().enumerate() {
            let near = near.unwrap();
            if connection >= most {
                swallowed.push(near);
                continue;
            }
            let far = TcpStream::connect(target).unwrap();
            pass(near.try_clone().unwrap(), far.try_clone().unwrap());
            pass(far, near);
        }
    });
    address
}

/// Passes on what comes, and that nothing more will.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
