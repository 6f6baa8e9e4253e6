//! A TCP link on loopback that a test can cut: how one node is parted from the others while all of them run.

use std::io::copy;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;
use crate::error::io;
use crate::ports::free_port;

/// Open connections a link keeps track of; a node pair needs a handful, and the closed ones are forgotten first.
const CONNECTIONS_KEPT: usize = 256;

/// Forwards connections to a port until it is cut.
#[derive(Debug)]
pub struct Link {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: u16,
    is_cut: AtomicBool,
    is_over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Link {
    /// A link on a port of its own that leads to `target` on loopback.
    ///
    /// # Errors
    /// No port.
    pub fn to(target: u16) -> Result<Self> {
        let port = free_port()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(io("opening a link"))?;
        let shared = Arc::new(Shared {
            target,
            is_cut: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            open: Mutex::new(Vec::new()),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { port, shared })
    }

    /// The port that leads to the target.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks every connection and lets none through until [`Link::heal`].
    pub fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::SeqCst);
        self.shared.break_all();
    }

    /// Lets connections through again.
    pub fn heal(&self) {
        self.shared.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.shared.break_all();
        // Wakes the accepting thread, which then sees that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn break_all(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..) {
            // A connection that is closed already needs no breaking.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Remembers both ends; `false` when the link was cut meanwhile.
    fn remember(&self, ends: [&TcpStream; 2]) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.extend(ends.into_iter().filter_map(|end| end.try_clone().ok()));
        let surplus = open.len().saturating_sub(CONNECTIONS_KEPT);
        for stream in open.drain(..surplus) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        !self.is_cut.load(Ordering::SeqCst)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for near in listener.incoming().map_while(std::result::Result::ok) {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        if shared.is_cut.load(Ordering::SeqCst) {
            continue;
        }
        let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.target)) else {
            continue;
        };
        // Measured figures must not be those of Nagle's algorithm.
        let _ = near.set_nodelay(true);
        let _ = far.set_nodelay(true);
        if !shared.remember([&near, &far]) {
            shared.break_all();
            continue;
        }
        if let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) {
            std::thread::spawn(move || forward(near, far));
            std::thread::spawn(move || forward(far_too, near_too));
        }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream) {
    // However it ends, the other end is told.
    let _ = copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_cut_link_breaks_what_is_open_and_heals() {
        let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let link = Link::to(target.local_addr().unwrap().port()).unwrap();
        let mut near = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).unwrap();
        let (mut far, _) = target.accept().unwrap();
        near.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        far.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");

        link.cut();
        assert_eq!(near.read(&mut heard).unwrap_or(0), 0, "the connection is over");
        let mut refused = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).unwrap();
        assert_eq!(refused.read(&mut heard).unwrap_or(0), 0, "a new one leads nowhere");

        link.heal();
        let mut again = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).unwrap();
        again.write_all(b"again").unwrap();
        let (mut far, _) = target.accept().unwrap();
        far.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"again");
    }
}
