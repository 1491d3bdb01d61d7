"""What the readers of event streams share."""


def shut_down(connection, response):
    """Ends an http.client connection whose response another thread reads: that thread comes back."""
    sock = connection.sock or (response.fp and response.fp.raw._sock)
    if sock is None:
        return
    try:
        sock.shutdown(2)
    except OSError:
        pass
