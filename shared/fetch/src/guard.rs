//! The addresses of a host, without those that may not be connected to. The client connects to what
//! this returns and asks no second time, so that nothing can change between check and connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shared_egress::{AllowedNetworks, Reach};

/// Asks for the addresses of a host.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of that name.
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// Asks the resolver of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// None of the host's addresses may be connected to.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no address of the host may be connected to")]
pub(crate) struct NoAddressAllowed;

/// Which addresses a client connects to.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) networks: Arc<AllowedNetworks>,
    pub(crate) lookup: Arc<dyn Lookup>,
    /// Public addresses are refused too: for ports other than those of the web.
    pub(crate) is_listed_only: bool,
}

impl Guard {
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        match self.networks.reach(address) {
            Some(Reach::Listed) => true,
            Some(Reach::Public) => !self.is_listed_only,
            None => false,
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let mut found = guard.lookup.lookup(host).await?;
            found.retain(|address| guard.allows(*address));
            if found.is_empty() {
                return Err(NoAddressAllowed.into());
            }
            // Port 0 stands for the one of the URL.
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            let addresses: Addrs = Box::new(found);
            Ok(addresses)
        })
    }
}
