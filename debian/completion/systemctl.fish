# fish completion for systemctl; printed by initd/cli/shell_completion.py

function __fish_pyinit_systemctl_list
    systemctl --no-legend --plain --no-pager --full $argv 2>/dev/null | string replace -r ' .*' ''
end

set -l verbs is-active check is-failed is-system-running start stop condstop reload restart try-restart condrestart reload-or-restart force-reload condreload try-reload-or-restart reload-or-try-restart isolate list-jobs cancel show status why list-units list-timers list-sockets list-automounts list-machines list-dependencies list-unit-files cat edit kill freeze thaw clean set-property reset-failed daemon-reload daemon-reexec show-environment set-environment unset-environment import-environment enable disable reenable preset mask unmask link revert preset-all add-wants add-requires is-enabled get-default set-default halt poweroff reboot exit soft-reboot default rescue emergency help log-level log-target service-watchdogs service-log-level service-log-target bind mount-image
complete -c systemctl -f
complete -c systemctl -n "not __fish_seen_subcommand_from $verbs" -a "$verbs"
complete -c systemctl -n '__fish_seen_subcommand_from start' -a "(__fish_pyinit_systemctl_list list-unit-files --state=enabled,enabled-runtime,disabled,static,indirect,linked,generated,alias)"
complete -c systemctl -n '__fish_seen_subcommand_from stop condstop kill freeze thaw' -a "(__fish_pyinit_systemctl_list list-units --state=active,activating,reloading,deactivating)"
complete -c systemctl -n '__fish_seen_subcommand_from reload condreload force-reload' -a "(__fish_pyinit_systemctl_list list-units --state=active)"
complete -c systemctl -n '__fish_seen_subcommand_from restart try-restart condrestart reload-or-restart try-reload-or-restart reload-or-try-restart status why show cat edit help is-active check is-failed list-dependencies list-units clean set-property bind mount-image service-log-level service-log-target revert' -a "(__fish_pyinit_systemctl_list list-units --all)"
complete -c systemctl -n '__fish_seen_subcommand_from reset-failed' -a "(__fish_pyinit_systemctl_list list-units --failed)"
complete -c systemctl -n '__fish_seen_subcommand_from disable reenable' -a "(__fish_pyinit_systemctl_list list-unit-files --state=enabled,enabled-runtime,linked,linked-runtime,alias,indirect)"
complete -c systemctl -n '__fish_seen_subcommand_from enable' -a "(__fish_pyinit_systemctl_list list-unit-files --state=disabled,indirect,linked,static)"
complete -c systemctl -n '__fish_seen_subcommand_from unmask' -a "(__fish_pyinit_systemctl_list list-unit-files --state=masked,masked-runtime)"
complete -c systemctl -n '__fish_seen_subcommand_from mask preset is-enabled list-unit-files link' -a "(__fish_pyinit_systemctl_list list-unit-files)"
complete -c systemctl -n '__fish_seen_subcommand_from isolate set-default add-wants add-requires' -a "(__fish_pyinit_systemctl_list list-unit-files --type=target)"
complete -c systemctl -n '__fish_seen_subcommand_from list-timers' -a "(__fish_pyinit_systemctl_list list-units --all --type=timer)"
complete -c systemctl -n '__fish_seen_subcommand_from list-sockets' -a "(__fish_pyinit_systemctl_list list-units --all --type=socket)"
complete -c systemctl -n '__fish_seen_subcommand_from cancel' -a "(__fish_pyinit_systemctl_list list-jobs)"
complete -c systemctl -n '__fish_seen_subcommand_from unset-environment set-environment' -a "(systemctl show-environment | string replace -r '=.*' '')"
complete -c systemctl -n '__fish_seen_subcommand_from import-environment' -a "(set -n)"
complete -c systemctl -n '__fish_seen_subcommand_from log-level' -a "emerg alert crit err warning notice info debug"
complete -c systemctl -n '__fish_seen_subcommand_from log-target' -a "console journal kmsg journal-or-kmsg null auto"
complete -c systemctl -n '__fish_seen_subcommand_from service-watchdogs' -a "yes no"
complete -c systemctl -l help -s h
complete -c systemctl -l version
complete -c systemctl -l type -s t -x -a 'service mount swap socket target device automount timer path slice scope'
complete -c systemctl -l property -s p -x
complete -c systemctl -l all -s a
complete -c systemctl -l reverse
complete -c systemctl -l after
complete -c systemctl -l before
complete -c systemctl -l show-types
complete -c systemctl -l failed
complete -c systemctl -l full -s l
complete -c systemctl -l job-mode -x -a 'fail replace replace-irreversibly isolate flush ignore-dependencies ignore-requirements triggering'
complete -c systemctl -l fail
complete -c systemctl -l irreversible
complete -c systemctl -l ignore-dependencies
complete -c systemctl -l ignore-inhibitors -s i
complete -c systemctl -l check-inhibitors -x -a 'auto yes no'
complete -c systemctl -l value
complete -c systemctl -l user
complete -c systemctl -l system
complete -c systemctl -l runtime-directory -x
complete -c systemctl -l global
complete -c systemctl -l wait
complete -c systemctl -l no-block
complete -c systemctl -l legend -x -a 'yes no'
complete -c systemctl -l no-legend
complete -c systemctl -l no-pager
complete -c systemctl -l no-wall
complete -c systemctl -l dry-run
complete -c systemctl -l quiet -s q
complete -c systemctl -l root -r -F
complete -c systemctl -l image -r -F
complete -c systemctl -l force -s f
complete -c systemctl -l no-reload
complete -c systemctl -l kill-who -x -a 'main control all main-fail control-fail all-fail'
complete -c systemctl -l kill-whom -x -a 'main control all main-fail control-fail all-fail'
complete -c systemctl -l signal -s s -x -a 'SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS'
complete -c systemctl -l no-ask-password
complete -c systemctl -l host -s H -x
complete -c systemctl -l machine -s M -x
complete -c systemctl -l runtime
complete -c systemctl -l plain
complete -c systemctl -l state -x -a 'stub loaded not-found bad-setting error merged masked active reloading inactive failed activating deactivating maintenance'
complete -c systemctl -l recursive -s r
complete -c systemctl -l lines -s n -x
complete -c systemctl -l output -s o -x -a 'short short-full short-iso short-iso-precise short-precise short-monotonic short-unix short-delta verbose export json json-pretty json-sse json-seq cat with-unit'
complete -c systemctl -l preset-mode -x -a 'full enable-only disable-only'
complete -c systemctl -l message -x
complete -c systemctl -l show-transaction -s T
complete -c systemctl -l now
complete -c systemctl -l what -x -a 'configuration state cache logs runtime all'
complete -c systemctl -l timestamp -x -a 'pretty unix us utc us+utc'
complete -c systemctl -l mkdir
complete -c systemctl -l read-only
complete -c systemctl -l marked
complete -c systemctl -l rolling
complete -c systemctl -l parallel -x
complete -c systemctl -l when -x
