#!/bin/sh
# Asks a real systemd what it makes of conditions. Run as root inside a container of systemd 252 (any runtime):
#     sh record.sh > conditions.tsv
# Lines are "fact NAME VALUE" for what the machine was, and "condition TEXT VERDICT" (yes, no, or invalid: the answer
# could not be determined and counts as no).
t=$(printf '\t')
fact() { printf 'fact\t%s\t%s\n' "$1" "$2"; }
fact systemd "$(systemd-analyze --version | head -n 1)"
fact hostname "$(uname -n)"
fact machine-id "$(cat /etc/machine-id)"
fact release "$(uname -r)"
fact machine "$(uname -m)"
fact container "$(systemd-detect-virt --container)"
fact cpus "$(nproc)"
fact os-release "$(grep -v '^#' /etc/os-release | tr '\n' '|')"
fact cmdline "$(tr '\0' '|' </proc/1/cmdline)"
host=$(uname -n); id=$(cat /etc/machine-id); release=$(uname -r)
mkdir -p /tmp/c/empty /tmp/c/hidden /tmp/c/leftover /tmp/c/full; touch /tmp/c/hidden/.x /tmp/c/leftover/x.bak /tmp/c/full/x
ln -sfn /nowhere /tmp/c/dangling; ln -sfn /proc /tmp/c/proc; : >/tmp/c/zero; echo x >/tmp/c/one
while read -r line; do
    [ -n "$line" ] || continue
    line=$(echo "$line" | sed "s|@HOST@|$host|; s|@ID@|$id|; s|@RELEASE@|$release|")
    said=$(systemd-analyze condition "Condition$line" 2>&1)
    case $said in
        *"Couldn't determine"*) answer=invalid ;;
        *"ignoring"*) continue ;;
        *"Conditions succeeded."*) answer=yes ;;
        *) answer=no ;;
    esac
    printf 'condition\t%s\t%s\n' "$line" "$answer"
done <<'END'
Architecture=native
Architecture=x86-64
Architecture=X86-64
Architecture=x86
Architecture=foo
Architecture=!foo
Virtualization=yes
Virtualization=no
Virtualization=1
Virtualization=!yes
Virtualization=container
Virtualization=!container
Virtualization=vm
Virtualization=podman
Virtualization=docker
Virtualization=none
Virtualization=foo
Virtualization=!foo
Virtualization=private-users
Host=*
Host=@HOST@
Host=no@HOST@
Host=@ID@
Host=!@ID@
KernelCommandLine=/sbin/init
KernelCommandLine=init
KernelCommandLine=foo=bar
KernelCommandLine=!foo
KernelVersion=@RELEASE@
KernelVersion==@RELEASE@
KernelVersion===@RELEASE@
KernelVersion=*
KernelVersion=[0-9]*
KernelVersion==[0-9]*
KernelVersion=$=[0-9]*
KernelVersion=!$=[0-9]*
KernelVersion=!=4.*
KernelVersion=!4.*
KernelVersion=>=3
KernelVersion=>= 3
KernelVersion=>=3 <99
KernelVersion=>=3 < 4
KernelVersion=>=
KernelVersion=<>3
KernelVersion=ge 3
KernelVersion="[0-9]*" !=5
Credential=foo
Credential=!foo
Credential=../foo
Environment=PATH
Environment=PATH=nowhere
Environment=!NOPE
Environment==x
Environment=A B
Security=foo
Security=!foo
Security=SELinux
Capability=CAP_CHOWN
Capability=cap_chown
Capability=CAP_FOO
Capability=!CAP_FOO
ACPower=true
ACPower=!yes
ACPower=false
ACPower=foo
ACPower=!foo
FirstBoot=no
FirstBoot=yes
FirstBoot=foo
Memory=1
Memory=>1M
Memory=>= 1.5M
Memory=1 M
Memory=<1K
Memory=1k
Memory=1KiB
Memory=1MB
Memory=>= 1%
Memory=-1
Memory=>=foo
Memory=!>=foo
Memory=4000P
CPUs=1
CPUs=>=1
CPUs=0x1
CPUs=< 3000
CPUs=== 3000
CPUs==3000
CPUs=!=3000
CPUs=<>3000
CPUs=$=2
CPUs=-1
CPUs=foo
CPUFeature=fpu
CPUFeature=FPU
CPUFeature=foo
OSRelease=ID=debian
OSRelease=!ID=debian
OSRelease=ID="debian"
OSRelease=ID=d*
OSRelease=ID$=d*
OSRelease=ID!$=d*
OSRelease=ID!=fedora
OSRelease=VERSION_ID>=12
OSRelease=VERSION_ID>13
OSRelease=VERSION_ID=12.0
OSRelease=VERSION_ID==12.0
OSRelease=VERSION_ID<>12.0
OSRelease=ID=debian VERSION_ID=12
OSRelease=ID=debian VERSION_ID=13
OSRelease="PRETTY_NAME=Debian GNU/Linux 12 (bookworm)"
OSRelease=FOO=1
OSRelease=FOO!=1
OSRelease=FOO<1
OSRelease=FOO=
OSRelease=ID
OSRelease=ID = debian
OSRelease="ID= debian"
OSRelease==1
OSRelease=f.o=1
MemoryPressure=100%
MemoryPressure=100.00%
MemoryPressure=1000‰
MemoryPressure=101%
MemoryPressure=50
MemoryPressure=foo
MemoryPressure=100%/10sec
MemoryPressure=100% / 1min
CPUPressure=100%/5min
CPUPressure=100%/10s
CPUPressure=100%/60s
IOPressure=100%/300
User=root
User=0
User=@system
User=33
User=nosuch
User=!nosuch
User=1000000000000
Group=root
Group=0
Group=@system
Group=nosuch
ControlGroupController=foo
PathExists=/tmp/c
PathExists=!/tmp/c
PathExists=/tmp/c/
PathExists=/tmp/c/dangling
PathExistsGlob=/tmp/c/dan*
PathExistsGlob=/tmp/c/hidden/*
PathExistsGlob=/tmp/c/{nope,full}
PathExistsGlob=/tmp/c/[ef]ull
PathExistsGlob=/tmp/c/nope*
PathIsDirectory=/tmp/c
PathIsDirectory=/tmp/c/proc
PathIsDirectory=/tmp/c/one
PathIsSymbolicLink=/tmp/c/dangling
PathIsSymbolicLink=/tmp/c
PathIsMountPoint=/
PathIsMountPoint=/proc
PathIsMountPoint=/tmp/c/proc
PathIsMountPoint=/proc/self
PathIsMountPoint=/etc
PathIsMountPoint=/etc/hosts
PathIsMountPoint=/nope
PathIsMountPoint=!/nope
PathIsReadWrite=/etc
PathIsReadWrite=/nope
PathIsReadWrite=!/nope
PathIsEncrypted=/etc
PathIsEncrypted=!/nope
DirectoryNotEmpty=/tmp/c/empty
DirectoryNotEmpty=/tmp/c/hidden
DirectoryNotEmpty=/tmp/c/leftover
DirectoryNotEmpty=/tmp/c/full
DirectoryNotEmpty=/tmp/c/one
DirectoryNotEmpty=!/nope
FileNotEmpty=/tmp/c/one
FileNotEmpty=/tmp/c/zero
FileNotEmpty=/tmp/c/full
FileNotEmpty=!/nope
FileIsExecutable=/bin/sh
FileIsExecutable=/bin
FileIsExecutable=/tmp/c/one
FileIsExecutable=!/nope
Firmware=uefi
Firmware=foo
Firmware=!foo
END
