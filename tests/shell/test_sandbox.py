from __future__ import annotations

from initd.shell.sandbox import resolver


def test_links_are_followed_below_the_root(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "absolute").symlink_to("/bin/x")
    (tmp_path / "up").symlink_to("../../../usr")
    (tmp_path / "loop").symlink_to("loop")
    resolve = resolver(str(tmp_path))
    assert [resolve(path) for path in ("/bin", "/absolute", "/up/bin", "/missing/x", "/loop", "/", "/./usr//bin/")] == [
        "/usr/bin", "/usr/bin/x", "/usr/bin", "/missing/x", "/loop", "/", "/usr/bin"]
