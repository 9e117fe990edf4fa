"""`pyinit-web`: a page and a small HTTP API for what runs here. Nothing of the base package imports it; it needs tornado.

**Who may do what.** A container has no polkit, and the manager listens to root alone, so two processes share the work:

- `pyinit-web serve` speaks HTTP, as the user `pyinit-web`, without a capability. It can reach one thing: the broker's socket.
- `pyinit-web broker` is root without a capability, without a network, and understands a dozen requests of one line each,
  which it puts to the manager over D-Bus (`broker.REQUESTS`). Those that look are answered to anybody who reaches the socket,
  and tell what `systemctl status` tells any user, without log lines. Those that change something, and those that read logs,
  carry a proof.

The proof is the *token*, a credential of the broker alone (`LoadCredential=pyinit-web.token`), or a *ticket* that the broker
gives for it: good for twelve hours, kept in the browser's cookie, signed with the token and so void when that is another one.
The server keeps neither. Whoever takes the server over can look, and can use what passes through it from then on, and nothing
else. Without a token nothing can be changed, by anybody.

**Who may look.** Connections to a loopback address or a unix socket: anybody who can make one, as with `systemctl status`.
Any other address: only with the token, a ticket, or, where TLS is set up with a client CA, a certificate of it; `/livez` and
`/readyz` answer everybody, without names. `--closed` treats all listeners that way. A certificate stands for the token only
where the server was given the token, too: it is then the server that vouches for who came.

**What browsers are told.** On loopback only names of this machine are answered (DNS rebinding). What changes something is a
POST with a cross-site token, or with `Authorization: Bearer`. The content security policy allows no script or style but our
own files.
"""
