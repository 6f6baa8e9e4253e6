"""Does with every hook tool what charms do through ops, and writes what it saw to seen.jsonl in the charm's directory."""

import json
import pathlib

import ops


class Judge(ops.CharmBase):
    _stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self._stored.set_default(hooks=0)
        for event in [
            self.on.install, self.on.leader_elected, self.on.config_changed, self.on.start, self.on.update_status,
            self.on.upgrade_charm, self.on.stop, self.on.remove, self.on.secret_changed,
            self.on["data"].storage_attached, self.on["data"].storage_detaching,
            self.on["ring"].relation_created, self.on["ring"].relation_joined, self.on["ring"].relation_changed,
            self.on["ring"].relation_departed, self.on["remote"].relation_changed, self.on["remote"].relation_broken,
        ]:
            framework.observe(event, self._look)
        framework.observe(self.on.echo_action, self._echo)

    def _look(self, event):
        self._stored.hooks += 1
        seen = {
            "unit": self.unit.name,
            "event": event.handle.kind,
            "hooks": self._stored.hooks,
            "leader": self.unit.is_leader(),
            "config": dict(self.config),
            "planned": self.app.planned_units(),
            "storage": [str(s.location) for s in self.model.storages["data"]],
            "address": str(self.model.get_binding("ring").network.bind_address),
            "ingress": str(self.model.get_binding("ring").network.ingress_address),
        }
        if isinstance(event, ops.RelationDepartedEvent):
            seen["departing"] = event.departing_unit.name
        self.unit.set_ports(ops.Port("tcp", 8080), 9090)
        seen["ports"] = sorted(port.port for port in self.unit.opened_ports())
        self.unit.set_workload_version("1.2.3")
        ring = self.model.get_relation("ring")
        if ring is not None:
            seen["ring"] = self._ring(ring)
        remote = self.model.get_relation("remote")
        if remote is not None and remote.app is not None:
            seen["remote"] = dict(remote.data[remote.app])
        self.unit.status = ops.ActiveStatus(f"seen {self._stored.hooks}")
        seen["status"] = [self.unit.status.name, self.unit.status.message]
        self._write(seen)

    def _ring(self, ring):
        ring.data[self.unit]["hooks"] = "many words: {}"
        seen = {
            "own": ring.data[self.unit]["hooks"],
            "peers": {unit.name: dict(ring.data[unit]) for unit in ring.units},
        }
        if self.unit.is_leader():
            ring.data[self.app]["leader"] = self.unit.name
            self.app.status = ops.ActiveStatus("led")
            seen["app-status"] = self.app.status.message
            seen["secret"] = self._secret(ring)
        else:
            identifier = ring.data[self.app].get("secret")
            if identifier:
                seen["secret"] = self.model.get_secret(id=identifier).get_content(refresh=True)
            try:
                ring.data[self.app]["leader"] = "me"
            except ops.RelationDataAccessError:
                seen["refused"] = True
        return seen

    def _secret(self, ring):
        try:
            secret = self.model.get_secret(label="judge.key")
        except ops.SecretNotFoundError:
            secret = self.app.add_secret({"key": "one"}, label="judge.key", description="a key")
            ring.data[self.app]["secret"] = secret.id
            return secret.get_content()
        if secret.get_info().revision == 1:
            secret.set_content({"key": "two"})
        return secret.get_content(refresh=True)

    def _echo(self, event):
        event.log("echoing")
        if event.params["fail"]:
            event.fail("as asked")
            return
        event.set_results({"text": event.params["text"], "nested": {"inner-key": "1"}})

    def _write(self, seen):
        with (pathlib.Path(self.charm_dir) / "seen.jsonl").open("a") as file:
            file.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    ops.main(Judge)
