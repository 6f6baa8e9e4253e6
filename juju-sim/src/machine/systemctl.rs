//! `systemctl` of a machine: its verbs, and what systemd does to the machine's services by itself.

use std::path::PathBuf;

use super::Machine;
use super::programs::Outcome;

impl Machine {
    pub(super) fn log_path(&self, name: &str) -> PathBuf {
        self.root.join(format!("var/log/{name}.log"))
    }

    fn unit_path(&self, name: &str) -> PathBuf {
        self.root.join(format!("etc/systemd/system/{name}.service"))
    }

    pub(super) fn systemctl(&mut self, arguments: &[String]) -> Outcome {
        let rest: Vec<&str> =
            arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
        self.look_after();
        match rest.as_slice() {
            ["daemon-reload"] => self.reload(),
            ["show", name] => Ok(self.show(name)),
            [verb, name] => {
                if !self.services.contains_key(*name) {
                    return Err((5, format!("Unit {name}.service could not be found.")));
                }
                self.act(verb, name)
            }
            _ => Err((1, format!("systemctl {}: not simulated", arguments.join(" ")))),
        }
    }

    fn act(&mut self, verb: &str, name: &str) -> Outcome {
        let Some(service) = self.services.get_mut(name) else {
            return Ok(String::new());
        };
        match verb {
            "enable" => service.enabled = true,
            "disable" => service.enabled = false,
            // systemd forgets units that neither run nor have failed.
            "reset-failed" if service.child.is_none() && !service.failed => {
                return Err((
                    1,
                    format!("Failed to reset failed state of unit {name}.service: Unit not loaded."),
                ));
            }
            "reset-failed" => {
                (service.failed, service.restarts) = (false, 0);
                service.recent.clear();
            }
            "stop" => {
                service.stop();
                service.failed = false;
            }
            "start" => return self.start(name),
            "reload" => {
                let failed = |why| (1, format!("Failed to reload {name}.service: {why}"));
                return service.reload().map(|()| String::new()).map_err(failed);
            }
            "restart" => {
                service.stop();
                return self.start(name);
            }
            other => return Err((1, format!("Unknown command verb {other}."))),
        }
        Ok(String::new())
    }

    /// Reads all unit files.
    fn reload(&mut self) -> Outcome {
        let directory = self.root.join("etc/systemd/system");
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Some(name) =
                entry.file_name().to_str().and_then(|name| name.strip_suffix(".service")).map(str::to_owned)
            else {
                continue;
            };
            let text =
                std::fs::read_to_string(self.unit_path(&name)).map_err(|error| (1, error.to_string()))?;
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            let settings = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            self.services.entry(name.clone()).or_default().settings = settings;
            found.push(name);
        }
        self.services.retain(|name, service| found.contains(name) || service.child.is_some());
        Ok(String::new())
    }

    fn show(&self, name: &str) -> String {
        let service = self.services.get(name);
        let state = match service {
            Some(service) if service.child.is_some() => "active",
            Some(service) if service.failed => "failed",
            _ => "inactive",
        };
        format!("ActiveState={state}\nNRestarts={}\n", service.map_or(0, |service| service.restarts))
    }

    /// Starts a service and waits for its word that it is ready, as `Type=notify` has it.
    fn start(&mut self, name: &str) -> Outcome {
        let failed = |text: String| (1, format!("Job for {name}.service failed: {text}"));
        let log_path = self.log_path(name);
        let socket_path = self.root.join("run/notify");
        let variables = self.loopback_variables();
        let service = self.services.get_mut(name).ok_or((5, format!("Unit {name}.service not found.")))?;
        if service.child.is_some() {
            return Ok(String::new());
        }
        if service.refused() {
            service.failed = true;
            return Err(failed("start request repeated too quickly".into()));
        }
        service.recent.push(std::time::Instant::now());
        if !service.conditions_hold() {
            // Passed over: not started, and no failure.
            return Ok(String::new());
        }
        if let Err(text) = service.sandbox() {
            service.failed = true;
            return Err(failed(text));
        }
        let socket =
            service.spawn(&log_path, &socket_path, &variables).map_err(|error| failed(error.to_string()))?;
        let outcome = match service.settings.get("Type").map(String::as_str) {
            Some("notify") => service.wait_ready(&socket),
            _ => Ok(()),
        };
        service.failed = outcome.is_err();
        outcome.map(|()| String::new()).map_err(failed)
    }

    /// What systemd does by itself: it starts again what has crashed.
    pub fn look_after(&mut self) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            let Some(service) = self.services.get_mut(&name) else {
                continue;
            };
            let Some(status) = service.ended() else { continue };
            let again = service.settings.get("Restart").is_some_and(|policy| policy == "on-failure");
            if status.success() || !again {
                continue;
            }
            self.start_again(&name);
        }
    }

    /// Starts what has failed again and again, until it is up or has had more starts than systemd allows. The pause
    /// between two starts is not simulated: it is shorter than the time that a start's limit is counted in.
    fn start_again(&mut self, name: &str) {
        loop {
            let Some(service) = self.services.get_mut(name) else { return };
            if service.refused() {
                service.failed = true;
                return;
            }
            service.restarts += 1;
            if self.start(name).is_ok() {
                return;
            }
        }
    }

    /// The machine goes down: services are stopped, and what was known of their failures is forgotten.
    pub(crate) fn go_down(&mut self) {
        for service in self.services.values_mut() {
            service.stop();
            (service.failed, service.restarts) = (false, 0);
            service.recent.clear();
        }
    }

    /// The machine goes down and comes up again: services die, enabled ones start.
    pub fn reboot(&mut self) {
        self.go_down();
        let enabled = self.services.iter().filter(|(_, service)| service.enabled);
        let names: Vec<String> = enabled.map(|(name, _)| name.clone()).collect();
        for name in names {
            // A service that does not come up at boot is seen by the charm as failed.
            if self.start(&name).is_err() {
                self.start_again(&name);
            }
        }
    }
}
