"""What the manager of the injected exceptions has to deal with: units of every kind, and files about them."""

from __future__ import annotations

#: Stores two descriptors, one of which hangs up.
_STORES = r"""
import _socket, os, struct, time
ours, theirs = os.pipe(), os.open("/dev/null", os.O_RDONLY)
notify = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
notify.connect(os.environ["NOTIFY_SOCKET"])
for number in ours[0], theirs:
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", number))
    notify.sendmsg([b"READY=1\nFDSTORE=1\nFDNAME=a"], [rights])
os.close(ours[0]), os.close(ours[1])
time.sleep(1000)
"""
_GENERATOR = r"""#!/bin/sh
echo told
printf '[Service]\nExecStart=/bin/true\n' > "$1/generated.service"
mkdir "$1/early.service.d" && printf '[Unit]\nDescription=Early\n' > "$1/early.service.d/a.conf"
"""
_SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: script
# Default-Start: 2 3 4 5
### END INIT INFO
exit 0
"""
_ENVIRONMENT = r"""A=1
# no more
B='two words'
C="a\
b"
D=$A\
 e
1=none
"""
_POLICY = '<busconfig><policy context="default"><allow own_prefix="org.example"/></policy></busconfig>\n'
_ACTIVATION = """[D-BUS Service]
Name=org.example.wanted
Exec=/bin/false
User=root
SystemdService=wanted.service
"""
#: Files other than units, in the manager's tree.
FILES = {
    "etc/stores.py": _STORES,
    "etc/environment.of.all": _ENVIRONMENT,
    "etc/fstab": "tmpfs /srv/of-fstab tmpfs noauto,nofail 0 0\n",
    "etc/systemd/system-generators/makes": _GENERATOR,
    "etc/systemd/system-environment-generators/makes": "#!/bin/sh\necho MADE=1\n",
    "etc/init.d/script": _SCRIPT,
    "etc/dbus-1/system.d/all.conf": _POLICY,
    "usr/share/dbus-1/system-services/org.example.wanted.service": _ACTIVATION,
}
_CONDITIONS = (
    "Architecture=x86-64", "Virtualization=yes", "Host=here", "KernelCommandLine=quiet", "KernelVersion=>1", "Security=audit",
    "Capability=CAP_CHOWN", "ACPower=yes", "NeedsUpdate=/etc", "FirstBoot=no", "PathIsDirectory=/etc",
    "PathIsSymbolicLink=/bin",
    "PathIsMountPoint=/proc", "PathIsReadWrite=/etc", "PathIsEncrypted=/etc", "DirectoryNotEmpty=/etc",
    "FileNotEmpty=/etc/fstab",
    "FileIsExecutable=/bin/sh", "Group=adm", "ControlGroupController=cpu", "Memory=>1", "CPUs=>0", "CPUFeature=sse",
    "OSRelease=ID=debian", "Environment=PATH", "PathExistsGlob=/et?", "MemoryPressure=50%", "Firmware=uefi", "User=@system",
)
UNITS = {
    "default.target": "[Unit]\nRequires=basic.target\nAfter=basic.target\nWants=early.service\nAllowIsolate=yes\n",
    "early.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "probe.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/echo probed\nExecStop=/bin/true\n",
    "plain.service": "[Unit]\nConditionPathExists=/etc\nConditionUser=root\nConditionEnvironment=!X\n"
                     "[Service]\nExecStartPre=/bin/true\nExecStart=/bin/sleep 1000\nExecReload=/bin/echo again\n"
                     "ExecStop=/bin/true\nEnvironmentFile=-/etc/environment\nRuntimeDirectory=plain\nLimitNOFILE=1000\nNice=1\nTimeoutSec=2s\n",
    "user.service": "[Service]\nUser=daemon\nSupplementaryGroups=adm\nExecStart=/bin/sleep 1000\nStateDirectory=user\n"
                    "RemoveIPC=yes\nStandardOutput=append:/var/log/user\nTimeoutSec=2s\n",
    "dynamic.service": "[Service]\nDynamicUser=yes\nExecStart=/bin/sleep 1000\nSetCredential=a:b\nTimeoutSec=2s\n",
    "closed.service": "[Service]\nPrivateTmp=yes\nProtectSystem=full\nPrivateNetwork=yes\nNoNewPrivileges=yes\n"
                      "SystemCallFilter=@system-service\nCapabilityBoundingSet=CAP_CHOWN\nCPUSchedulingPolicy=batch\n"
                      "ExecStart=/bin/sleep 1000\nTimeoutSec=2s\n",
    "notify.service": "[Service]\nType=notify\nNotifyAccess=all\nFileDescriptorStoreMax=2\nTimeoutSec=2s\n"
                      "ExecStart=/bin/sh -c 'systemd-notify --ready --status=here; sleep 1000'\n",
    "forking.service": "[Service]\nType=forking\nPIDFile=/run/forking.pid\nTimeoutSec=2s\n"
                       "ExecStart=/bin/sh -c 'sleep 1000 & echo $! > /run/forking.pid'\n",
    "crash.service": "[Unit]\nOnFailure=after.service\n[Service]\nRestart=on-failure\nRestartSec=20ms\nExecStart=/bin/false\n"
                     "TimeoutSec=2s\n",
    "after.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "missing.service": "[Service]\nExecStart=/no/such/program\n",
    "here.socket": "[Socket]\nListenStream=/run/here\nListenDatagram=/run/here-too\nListenFIFO=/run/here-fifo\nMark=1\n"
                   "ReceiveBuffer=4096\nExecStartPost=/bin/true\nTimeoutSec=2s\n",
    "here.service": "[Service]\nExecStart=/bin/sleep 1000\nTimeoutSec=2s\n",
    "each.socket": "[Socket]\nListenStream=/run/each\nAccept=yes\n",
    "each@.service": "[Service]\nExecStart=/bin/cat\nStandardInput=socket\nTimeoutSec=2s\n",
    "often.timer": "[Timer]\nOnActiveSec=20ms\nOnUnitActiveSec=50ms\nOnCalendar=*:*:*\nPersistent=yes\nAccuracySec=1ms\n"
                   "OnClockChange=yes\n",
    "often.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "seen.path": "[Path]\nPathExists=/srv/seen\nPathChanged=/srv/changed\nMakeDirectory=no\n",
    "seen.service": "[Service]\nType=oneshot\nExecStart=/bin/rm -f /srv/seen\n",
    "many.target": "[Unit]\nWants=" + " ".join(f"many@{number}.service" for number in range(12)) + "\n",
    "many@.service": "[Unit]\nStopWhenUnneeded=yes\n[Service]\nExecStart=/bin/sleep 1000\nTimeoutSec=2s\n",
    "asked.service": "[Unit]\n" + "".join(f"Condition{each.replace('=', '=|', 1)}\n" for each in _CONDITIONS)
                     + "[Service]\nEnvironmentFile=/etc/environment.of.all\nPassEnvironment=HOME\nStandardInputText=a\n"
                     "LoadCredential=c:/etc/fstab\nExecStart=/bin/cat\nType=idle\nStandardError=file:/run/asked\n"
                     "RootDirectoryStartOnly=no\nIOSchedulingClass=idle\nTimeoutSec=2s\n",
    "stores.service": "[Service]\nType=notify\nFileDescriptorStoreMax=4\nExecStart=/usr/bin/python3 /etc/stores.py\n"
                      "TimeoutSec=2s\nStateDirectory=stores\nCacheDirectory=stores\n",
    "special.socket": "[Socket]\nListenSpecial=/dev/null\nListenNetlink=route\nListenMessageQueue=/special\n"
                      "ListenDatagram=127.0.0.1:7777\nFlushPending=yes\nFreeBind=yes\nService=after.service\nTimeoutSec=2s\n",
    "linked.socket": "[Socket]\nListenStream=/run/special\nSymlinks=/run/linked\nRemoveOnStop=yes\nService=after.service\n",
    "named.service": "[Service]\nType=dbus\nBusName=org.example.named\nTimeoutSec=2s\nExecStart=/bin/sh -c "
                     "'dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.RequestName "
                     "string:org.example.named uint32:0; sleep 1000'\n",
    "wanted.service": "[Service]\nBusName=org.example.wanted\nType=dbus\nTimeoutSec=1s\nExecStart=/bin/sleep 1000\n",
    "srv-on.mount": "[Mount]\nWhat=tmpfs\nWhere=/srv/on\nType=tmpfs\nTimeoutSec=2s\n",
}
STARTED = [name for name in UNITS if "@" not in name and name not in ("default.target", "early.service", "probe.service")]
