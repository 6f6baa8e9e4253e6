//! Which protocols the swarm is told that a connection accepts, and what becomes of a stream once they have agreed.
//!
//! libp2p's swarm goes through the names of all accepted protocols whenever a connection has been polled, and copies
//! them for every inbound stream before it reads what the peer asks for. With 10,000 databases that was most of what a
//! node did. So it is told of advertised protocols only, and of [`STAND_IN`] for all hidden ones: the muxer looks up
//! what the peer asks for ([`crate::muxer`]), and has the stream begin with the name if it is a hidden protocol's.

use std::{io, sync::Arc};

use futures::{AsyncRead, AsyncReadExt as _, FutureExt as _, future::BoxFuture};
use libp2p::{
    StreamProtocol,
    core::upgrade::{InboundUpgrade, UpgradeInfo},
};

/// What the swarm takes for every hidden protocol. It never travels: the muxer puts the real name in its place.
pub(crate) const STAND_IN: StreamProtocol = StreamProtocol::new("/paperclip/hidden");

/// The protocols accepted at one moment, as libp2p wants them.
#[derive(Debug, Clone)]
pub struct Accepted(Arc<[StreamProtocol]>);

impl Accepted {
    pub(crate) fn new(names: Arc<[StreamProtocol]>) -> Self {
        Self(names)
    }
}

impl UpgradeInfo for Accepted {
    type Info = StreamProtocol;
    type InfoIter = Vec<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.to_vec()
    }
}

impl InboundUpgrade<libp2p::Stream> for Accepted {
    type Output = (StreamProtocol, libp2p::Stream);
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_inbound(self, mut stream: libp2p::Stream, name: StreamProtocol) -> Self::Future {
        async move {
            let name = if name == STAND_IN { read_name(&mut stream).await? } else { name };
            Ok((name, stream))
        }
        .boxed()
    }
}

/// A hidden protocol's name as the muxer puts it at the beginning of a stream: its length in two bytes, and itself.
pub(crate) fn name_frame(name: &str) -> Option<Vec<u8>> {
    let length = u16::try_from(name.len()).ok()?;
    Some([&length.to_be_bytes()[..], name.as_bytes()].concat())
}

async fn read_name(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<StreamProtocol> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let mut name = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut name).await?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "no name of a protocol");
    let name = String::from_utf8(name).map_err(|_| invalid())?;
    StreamProtocol::try_from_owned(name).map_err(|_| invalid())
}
