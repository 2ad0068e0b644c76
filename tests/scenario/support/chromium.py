"""Chromium without a window, which trusts an authority of the tests."""
import os
import tempfile


def chromium(test, root):
    """Returns the command that starts it, and the home directory that it must run in."""
    # Its helper processes may still write there when it has ended.
    folder = tempfile.TemporaryDirectory(prefix="weir-test-", ignore_cleanup_errors=True)
    test.addCleanup(folder.cleanup)
    home = folder.name
    store = os.path.join(home, ".pki", "nssdb")
    os.makedirs(store)
    trust = ["certutil", "-d", f"sql:{store}"]
    test.run_client(*trust, "-N", "--empty-password")
    test.run_client(*trust, "-A", "-t", "C,,", "-n", "test", "-i", root)
    browser = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    return browser + [f"--user-data-dir={home}/profile"], home
