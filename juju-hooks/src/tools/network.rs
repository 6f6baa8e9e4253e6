//! Addresses and ports.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::error::ToolError;
use crate::invoke::Invoke;
use crate::names::RelationId;

use super::Juju;

/// What `network-get` says of an endpoint's binding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Network {
    /// The interfaces to listen on.
    #[serde(default)]
    pub bind_addresses: Vec<BindAddress>,
    /// The addresses others should use to reach this unit, best first. Host names are possible.
    #[serde(default)]
    pub ingress_addresses: Vec<String>,
    /// The subnets traffic of this unit comes from.
    #[serde(default)]
    pub egress_subnets: Vec<String>,
}

/// One interface of a [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BindAddress {
    /// The interface's name.
    #[serde(default)]
    pub interface_name: String,
    /// Its addresses.
    #[serde(default)]
    pub addresses: Vec<InterfaceAddress>,
}

/// One address of a [`BindAddress`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InterfaceAddress {
    /// The address.
    pub value: String,
    /// Its subnet; may be empty.
    #[serde(default)]
    pub cidr: String,
}

impl Network {
    /// The first address to listen on.
    #[must_use]
    pub fn bind_address(&self) -> Option<&str> {
        self.bind_addresses
            .iter()
            .flat_map(|bind| &bind.addresses)
            .map(|address| address.value.as_str())
            .next()
    }
}

/// The protocol of a [`Port`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, which has no ports.
    Icmp,
}

/// An opened port or range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The protocol.
    pub protocol: Protocol,
    /// The first port.
    pub from: u16,
    /// The last port; the same as the first for a single one.
    pub to: u16,
}

impl Port {
    /// One TCP port.
    #[must_use]
    pub fn tcp(port: u16) -> Self {
        Self { protocol: Protocol::Tcp, from: port, to: port }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => return f.write_str("icmp"),
        };
        if self.from == self.to {
            write!(f, "{}/{protocol}", self.from)
        } else {
            write!(f, "{}-{}/{protocol}", self.from, self.to)
        }
    }
}

impl FromStr for Port {
    type Err = String;

    /// Reads `4001/tcp`, `9000-9010/udp`, `icmp`; the text itself is the error.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || text.to_owned();
        if text == "icmp" {
            return Ok(Self { protocol: Protocol::Icmp, from: 0, to: 0 });
        }
        let (ports, protocol) = text.split_once('/').ok_or_else(bad)?;
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Err(bad()),
        };
        let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
        let number = |text: &str| text.parse().map_err(|_| bad());
        Ok(Self { protocol, from: number(from)?, to: number(to)? })
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|text| serde::de::Error::custom(format!("{text:?} is not a port")))
    }
}

impl<I: Invoke> Juju<I> {
    /// `network-get`: the addresses of an endpoint's binding.
    ///
    /// # Errors
    /// [`ToolError::Refused`] for an unknown binding, or while the machine has no address.
    pub fn network(&self, endpoint: &str) -> Result<Network, ToolError> {
        self.ask("network-get", ["--format=json", endpoint])
    }

    /// `network-get -r`: the addresses of an endpoint's binding as this relation sees them. The other side of a cross-model
    /// relation may reach this unit elsewhere.
    ///
    /// # Errors
    /// As [`Juju::network`]; [`ToolError::is_not_found`] when the relation is gone.
    pub fn network_of(&self, relation: &RelationId) -> Result<Network, ToolError> {
        self.ask("network-get", ["--format=json", "-r", &relation.to_string(), relation.endpoint()])
    }

    /// `opened-ports`: what this unit has opened.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn opened_ports(&self) -> Result<Vec<Port>, ToolError> {
        Ok(self.ask::<Option<Vec<Port>>, _>("opened-ports", ["--format=json"])?.unwrap_or_default())
    }

    /// `open-port`: opened when the application is exposed. Opening it again is no error.
    ///
    /// # Errors
    /// [`ToolError::Refused`] when another unit on the machine has it.
    pub fn open_port(&self, port: Port) -> Result<(), ToolError> {
        self.tell("open-port", [port.to_string()])
    }

    /// `close-port`. Closing what is not open is no error.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn close_port(&self, port: Port) -> Result<(), ToolError> {
        self.tell("close-port", [port.to_string()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recorded;

    #[test]
    fn ports_are_read_as_they_are_printed() {
        for text in ["4001/tcp", "9000-9010/udp", "icmp"] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), text);
        }
        for bad in ["", "4001", "70000/tcp", "1/sctp", "x/tcp"] {
            assert!(bad.parse::<Port>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_binding_gives_where_to_listen_and_where_to_be_reached() {
        let tools = Recorded::new().answer(
            "network-get --format=json cluster",
            r#"{"bind-addresses":[{"mac-address":"00:16","interface-name":"eth0","addresses":
               [{"hostname":"","value":"10.0.0.7","cidr":"10.0.0.0/24"}]}],
               "egress-subnets":["10.0.0.7/32"],"ingress-addresses":["192.0.2.7"]}"#,
        );
        let network = Juju::new(&tools).network("cluster").unwrap();
        assert_eq!(network.bind_address(), Some("10.0.0.7"));
        assert_eq!(network.ingress_addresses, ["192.0.2.7"]);
    }

    #[test]
    fn a_relation_may_be_reached_elsewhere_than_its_endpoint() {
        let tools = Recorded::new().answer(
            "network-get --format=json -r alm:3 alm",
            r#"{"bind-addresses":[],"ingress-addresses":["203.0.113.7"]}"#,
        );
        let network = Juju::new(&tools).network_of(&"alm:3".parse().unwrap()).unwrap();
        assert_eq!((network.bind_address(), network.ingress_addresses.len()), (None, 1));
    }
}
