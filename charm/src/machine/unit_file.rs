//! The systemd unit: the node with no more rights than it needs.

use std::path::Path;

use crate::names::{SERVICE, USER};

use super::Machine;

impl Machine {
    /// The text of the unit file for a node with its data in this directory of this storage.
    ///
    /// Mounts that systemd knows of are waited for (`RequiresMountsFor`). Of others, those that Juju's agent makes by
    /// itself, the marker tells: without it the start is passed over, and the unit stays inactive. Without that
    /// condition it would fail for want of its directory, ten times in a row, and then be refused for five minutes.
    #[must_use]
    pub fn unit_file(&self, storage: &Path, data_dir: &Path) -> String {
        let binary = self.binary_path();
        let config = self.config_path();
        let (binary, config, data) = (binary.display(), config.display(), data_dir.display());
        let marker = Self::marker_path(storage);
        let marker = marker.display();
        format!(
            "\
# Written by the paperclip charm; changes are overwritten.
[Unit]
Description=PaperClip: an OrbitDB replica
Documentation=https://github.com/paperclip-db/paperclip
Wants=network-online.target
After=network-online.target
RequiresMountsFor={data}
ConditionPathExists={marker}
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
ExecStart={binary} run --config {config}
ExecReload=/bin/kill -HUP $MAINPID
User={USER}
Group={USER}
SyslogIdentifier={SERVICE}
Restart=on-failure
RestartSec=2
TimeoutStartSec=120
TimeoutStopSec=60
LimitNOFILE=65536
UMask=0077
ReadWritePaths={data}
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"
        )
    }
}
