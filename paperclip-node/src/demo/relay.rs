//! A wire that can be cut: a TCP relay on loopback.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
};

/// Connections through one relay at once; more than libp2p peers make.
const MAX_CONNECTIONS: usize = 64;

/// The relay. Ends with its runtime.
pub(super) struct Relay {
    port: u16,
    whole: Arc<watch::Sender<bool>>,
}

impl Relay {
    /// A relay to a port of loopback.
    pub(super) fn start(runtime: &Runtime, to_port: u16) -> io::Result<Self> {
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let (whole, seen) = watch::channel(true);
        runtime.spawn(relay(listener, SocketAddr::from((Ipv4Addr::LOCALHOST, to_port)), seen));
        Ok(Self { port, whole: Arc::new(whole) })
    }

    /// The multiaddress to dial.
    pub(super) fn address(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.port)
    }

    /// Breaks every connection, and each new one at once.
    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets connections through again.
    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn relay(listener: TcpListener, to: SocketAddr, whole: watch::Receiver<bool>) {
    let places = Arc::new(tokio::sync::Semaphore::new(MAX_CONNECTIONS));
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let whole = whole.clone();
        tokio::spawn(async move {
            carry(stream, to, whole).await;
            drop(place);
        });
    }
}

/// Carries one connection until either side or the wire ends it. Errors end it too; the peers notice by themselves.
async fn carry(mut from: TcpStream, to: SocketAddr, mut whole: watch::Receiver<bool>) {
    if !*whole.borrow_and_update() {
        return;
    }
    let Ok(mut to) = TcpStream::connect(to).await else { return };
    drop((from.set_nodelay(true), to.set_nodelay(true)));
    tokio::select! {
        _ = copy_bidirectional(&mut from, &mut to) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net,
        time::Duration,
    };

    #[test]
    fn a_cut_wire_carries_nothing_and_a_mended_one_does() {
        let runtime = Runtime::new().unwrap();
        let behind = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let relay = Relay::start(&runtime, behind.local_addr().unwrap().port()).unwrap();
        let dial = || {
            let stream = net::TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        };
        let mut first = dial();
        behind.accept().unwrap().0.write_all(b"x").unwrap();
        assert_eq!(first.read(&mut [0; 8]).unwrap(), 1);
        let mut open = dial();
        let (_held, _) = behind.accept().unwrap();
        relay.cut();
        assert_eq!(open.read(&mut [0; 8]).unwrap_or(0), 0, "open connections break");
        assert_eq!(dial().read(&mut [0; 8]).unwrap_or(0), 0, "new ones too");
        relay.mend();
        let mut mended = dial();
        behind.accept().unwrap().0.write_all(b"y").unwrap();
        assert_eq!(mended.read(&mut [0; 8]).unwrap(), 1);
    }
}
