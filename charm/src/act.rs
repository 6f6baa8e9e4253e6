//! Takes the steps of a plan.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use juju_hooks::databag::Bag;
use juju_hooks::{
    Invoke, Juju, LogLevel, Owner, Port, RelationId, SecretContent, SecretOptions, Status, UnitName,
};
use paperclip_client::certificate::Request;

use crate::cluster::bags::ApplicationBag;
use crate::cluster::root_key::RootKey;
use crate::error::CharmError;
use crate::facts::{Facts, Tried};
use crate::machine::{Machine, Marker, NodeIdentity};
use crate::names::{ROOT_KEY, ROOT_KEY_LABEL, TOKEN_KEY, TOKEN_LABEL};
use crate::node::NodeApi;
use crate::observe;
use crate::plan::Step;

/// How long a hook waits for a node that has just been started to serve. Hooks of one machine exclude each other.
const READY_WAIT: Duration = Duration::from_secs(30);

/// How long a hook waits for a running node to answer where it was told to.
const RELOAD_WAIT: Duration = Duration::from_secs(5);

/// What a hook has done so far, beside what the facts show.
#[derive(Debug, Default)]
pub struct Done {
    /// What need not be tried again.
    pub tried: Tried,
    /// The node's identity, once it was read.
    pub identity: Option<NodeIdentity>,
}

/// The hands of the charm.
#[derive(Debug)]
pub struct Actor<'a, I> {
    /// Juju's tools.
    pub juju: &'a Juju<I>,
    /// The machine.
    pub machine: &'a Machine,
    /// What was done.
    pub done: Done,
}

impl<I: Invoke> Actor<'_, I> {
    /// Takes one step.
    ///
    /// # Errors
    /// [`CharmError`] when the hook is to be run again. What another hook may mend, or only an operator can, is
    /// kept in [`Done`] for the status instead.
    pub fn take(&mut self, step: Step, facts: &Facts) -> Result<(), CharmError> {
        match step {
            Step::AddUser => self.machine.add_user()?,
            Step::InstallBinary => self.install()?,
            Step::MakeCluster => self.led(|actor| actor.make_cluster(facts))?,
            Step::MakeToken => self.led(|actor| actor.make_token(facts))?,
            Step::Certify(asked) => self.led(|actor| actor.certify(&asked, facts))?,
            Step::MarkStorage { location, marker } => self.mark(&location, &marker)?,
            Step::ReadIdentity { data_dir, cluster_id } => {
                let identity = self
                    .machine
                    .prepare_data(&data_dir)
                    .and_then(|()| self.machine.node_identity(&data_dir, &cluster_id));
                match identity {
                    Ok(identity) => self.done.identity = Some(identity),
                    // A storage that cannot be used is not mended by running the hook again.
                    Err(error) => self.done.tried.identity = Some(error.to_string()),
                }
            }
            Step::WriteCertificate(text) => {
                self.machine.write_for_service(&self.machine.certificate_path(), &text)?;
            }
            Step::FetchToken { secret } => self.fetch_token(&secret)?,
            Step::RemoveToken => self.machine.remove(&self.machine.token_path())?,
            Step::WriteNodeConfig(text) => {
                self.machine.write_for_service(&self.machine.config_path(), &text)?;
            }
            Step::WriteUnitFile(text) => self.machine.write_unit_file(&text)?,
            Step::Start(digest) => self.start(&digest, facts, false)?,
            Step::Restart(digest) => self.start(&digest, facts, true)?,
            Step::Reload => self.reload(facts)?,
            Step::Stop => self.stop()?,
            Step::RemoveService => self.machine.remove_service()?,
            Step::Dial(address) => self.dial(address, facts)?,
            Step::Claim => self.machine.claim(&facts.unit)?,
            Step::OpenPort(port) => self.open(port)?,
            Step::ClosePort(port) => {
                self.juju.close_port(port)?;
                self.done.tried.ports.insert(port);
            }
            Step::SetUnitBag(relation, changes) => self.juju.set_relation(&relation, &changes)?,
            Step::SetApplicationBag(relation, changes) => {
                self.led(|actor| actor.set_application(&relation, &changes))?;
            }
            Step::Remember(memory) => self.machine.remember(&memory)?,
        }
        Ok(())
    }

    /// Does what only the leader may. Leadership can be lost between two calls: then the next leader does it.
    fn led(&mut self, what: impl FnOnce(&mut Self) -> Result<(), CharmError>) -> Result<(), CharmError> {
        match what(self) {
            Err(CharmError::Tool(error)) if error.is_denied() => {
                self.juju.log(LogLevel::Info, &format!("not the leader any more: {error}"))?;
                self.done.tried.deposed = true;
                Ok(())
            }
            other => other,
        }
    }

    /// A port that another unit on the machine has is for the operator to settle, not for the hook to be run again.
    fn open(&mut self, port: Port) -> Result<(), CharmError> {
        self.done.tried.ports.insert(port);
        match self.juju.open_port(port) {
            Err(error) if error.is_conflict() => {
                self.done.tried.taken.insert(port, error.refusal().unwrap_or_default().to_owned());
                Ok(())
            }
            other => Ok(other?),
        }
    }

    fn mark(&self, location: &Path, marker: &Marker) -> Result<(), CharmError> {
        self.machine.mark(location, marker)?;
        let node = marker.peer_id.as_ref().map_or(String::new(), |id| format!(" of node {id}"));
        self.juju.log(LogLevel::Info, &format!("marked storage {}{node}", marker.storage))?;
        Ok(())
    }

    fn install(&self) -> Result<(), CharmError> {
        self.juju.set_status(Status::Maintenance, "installing paperclip-node")?;
        let binary = self.machine.install_binary()?;
        self.juju.set_workload_version(&binary.version)?;
        self.juju.log(LogLevel::Info, &format!("installed paperclip-node {}", binary.version))?;
        Ok(())
    }

    fn set_application(&self, relation: &RelationId, changes: &Bag) -> Result<(), CharmError> {
        Ok(self.juju.set_relation_application(relation, changes)?)
    }

    /// Writes the application bag with what `change` makes of it.
    fn change_application(
        &self,
        facts: &Facts,
        change: impl FnOnce(&mut ApplicationBag),
    ) -> Result<(), CharmError> {
        let Some(cluster) = &facts.cluster else {
            return Ok(());
        };
        let mut application = cluster.application.clone();
        change(&mut application);
        self.set_application(&cluster.relation, &application.changes(&cluster.application_bag)?)
    }

    /// The secret with this label if the application has it, else a new one.
    fn secret(
        &self,
        label: &str,
        description: &str,
        new: impl FnOnce() -> Result<SecretContent, CharmError>,
    ) -> Result<(String, SecretContent), CharmError> {
        match self.juju.secret_info(label) {
            Ok(known) => {
                if let Some(id) = known.keys().next() {
                    let id = format!("secret:{}", id.trim_start_matches("secret:"));
                    let content = self.juju.secret(&id, true)?;
                    return Ok((id, content));
                }
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        let content = new()?;
        let options = SecretOptions { owner: Owner::Application, label, description };
        Ok((self.juju.add_secret(&options, &content)?, content))
    }

    fn make_cluster(&mut self, facts: &Facts) -> Result<(), CharmError> {
        let (id, content) = self.secret(ROOT_KEY_LABEL, "Root key of the PaperClip cluster", || {
            Ok(SecretContent::from([(ROOT_KEY.to_owned(), RootKey::generate()?.to_secret_hex())]))
        })?;
        let root = RootKey::from_hex(content.get(ROOT_KEY).map(String::as_str).unwrap_or_default())?;
        self.juju.log(LogLevel::Info, &format!("cluster {} made", root.cluster_id()))?;
        self.change_application(facts, |application| {
            application.cluster_id = Some(root.cluster_id());
            application.root_key_secret = Some(id);
        })
    }

    fn make_token(&mut self, facts: &Facts) -> Result<(), CharmError> {
        let (id, _) = self.secret(TOKEN_LABEL, "Token of the PaperClip API", || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(crate::cluster::root_key::RootKeyError::from)?;
            Ok(SecretContent::from([(TOKEN_KEY.to_owned(), hex::encode(bytes))]))
        })?;
        self.change_application(facts, |application| application.token_secret = Some(id))
    }

    fn certify(&mut self, asked: &[(UnitName, Request)], facts: &Facts) -> Result<(), CharmError> {
        let Some(uri) =
            facts.cluster.as_ref().and_then(|cluster| cluster.application.root_key_secret.clone())
        else {
            return Ok(());
        };
        let root = match self.juju.secret(&uri, true) {
            Ok(content) => RootKey::from_hex(content.get(ROOT_KEY).map(String::as_str).unwrap_or_default())?,
            Err(error) if error.is_denied() || error.is_not_found() => {
                self.done.tried.secret = Some(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let mut certified = Vec::new();
        for (unit, request) in asked {
            match root.certify(request) {
                Ok(certificate) => certified.push((unit.clone(), certificate)),
                Err(error) => {
                    self.juju.log(LogLevel::Warning, &format!("request of {unit} refused: {error}"))?;
                    self.done.tried.refused.insert(unit.clone(), error.to_string());
                }
            }
        }
        for (unit, _) in &certified {
            self.juju.log(LogLevel::Info, &format!("certified {unit}"))?;
        }
        self.change_application(facts, |application| application.certificates.extend(certified))
    }

    fn fetch_token(&mut self, secret: &str) -> Result<(), CharmError> {
        self.done.tried.token = true;
        match self.juju.secret(secret, true) {
            Ok(content) => {
                let token = content.get(TOKEN_KEY).map(String::as_str).unwrap_or_default();
                self.machine.write_for_service(&self.machine.token_path(), &format!("{token}\n"))?;
            }
            Err(error) => self.done.tried.secret = Some(error.to_string()),
        }
        Ok(())
    }

    /// Starts or restarts the node with what it should run, and waits a bounded time for it to serve.
    fn start(&mut self, digest: &str, facts: &Facts, restart: bool) -> Result<(), CharmError> {
        if facts.installed.as_ref().is_none_or(|installed| installed.sha256 != facts.shipped_sha256) {
            self.install()?;
        }
        let (word, result) = if restart {
            self.juju.set_status(Status::Maintenance, "restarting paperclip-node")?;
            ("restarted", self.machine.restart_service())
        } else {
            self.juju.set_status(Status::Maintenance, "starting paperclip-node")?;
            ("started", self.machine.start_service())
        };
        if let Err(error) = result {
            let words = self.machine.last_words();
            let words = if words.is_empty() { error.to_string() } else { words };
            self.juju.log(LogLevel::Warning, &format!("{error}; {words}"))?;
            self.done.tried.start = Some(words);
            return self.forget_force();
        }
        self.juju.log(LogLevel::Info, &format!("{word} paperclip-node"))?;
        let mut memory = self.machine.memory()?;
        memory.running = Some(digest.to_owned());
        memory.running_api = facts.api();
        memory.running_monitoring = Some(facts.monitoring());
        memory.force_restart = false;
        self.machine.remember(&memory)?;
        if let Some(api) = observe::new_api(facts)
            && !api.wait_ready(READY_WAIT)
        {
            self.juju.log(LogLevel::Warning, "paperclip-node is not ready yet")?;
        }
        Ok(())
    }

    /// Has the running node answer monitoring where it should, and looks whether it does. If not, the next hook tries again.
    fn reload(&mut self, facts: &Facts) -> Result<(), CharmError> {
        let wanted = facts.monitoring();
        let reloaded = self.machine.reload_service().map_err(|error| error.to_string()).and_then(|()| {
            let silent = |address: &&SocketAddr| !NodeApi::new(**address, None).wait_alive(RELOAD_WAIT);
            wanted
                .metrics_listen
                .iter()
                .find(silent)
                .map_or(Ok(()), |silent| Err(format!("no answer on {silent}")))
        });
        if let Err(why) = reloaded {
            self.juju.log(LogLevel::Warning, &format!("paperclip-node does not answer monitoring: {why}"))?;
            self.done.tried.monitoring = Some(why);
            return Ok(());
        }
        self.juju.log(
            LogLevel::Info,
            &format!("paperclip-node answers monitoring on {:?}", wanted.metrics_listen),
        )?;
        let mut memory = self.machine.memory()?;
        memory.running_monitoring = Some(wanted);
        Ok(self.machine.remember(&memory)?)
    }

    /// A restart that was forced has been tried: once is what was asked for.
    fn forget_force(&self) -> Result<(), CharmError> {
        let mut memory = self.machine.memory()?;
        if std::mem::take(&mut memory.force_restart) {
            self.machine.remember(&memory)?;
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<(), CharmError> {
        self.juju.set_status(Status::Maintenance, "stopping paperclip-node")?;
        self.machine.stop_service()?;
        self.juju.log(LogLevel::Info, "stopped paperclip-node")?;
        let mut memory = self.machine.memory()?;
        memory.running = None;
        memory.running_api = None;
        memory.running_monitoring = None;
        self.machine.remember(&memory)?;
        Ok(())
    }

    fn dial(&mut self, address: String, facts: &Facts) -> Result<(), CharmError> {
        // A peer that is not there yet is dialled by the node again and again from its configuration.
        if let Some(Err(error)) = observe::api(facts).map(|api| api.connect(&address)) {
            self.juju.log(LogLevel::Debug, &format!("{address}: {error}"))?;
        }
        self.done.tried.dialled.insert(address);
        Ok(())
    }
}
