/* Loopback of a simulated machine.
 *
 * All machines of a simulation are processes of one host, and real machines do not share 127.0.0.1. Programs of a machine
 * are started with this library before libc (LD_PRELOAD) and with the address that stands for their loopback in
 * JUJU_SIM_LOOPBACK: who binds or connects to 127.0.0.1 gets that one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef int (*socket_call)(int, const struct sockaddr *, socklen_t);

static int with_own_loopback(const char *call, int socket, const struct sockaddr *given, socklen_t length) {
    socket_call next = (socket_call)dlsym(RTLD_NEXT, call);
    const char *own = getenv("JUJU_SIM_LOOPBACK");
    struct sockaddr_in address;
    if (own != NULL && given != NULL && length >= sizeof address && given->sa_family == AF_INET) {
        memcpy(&address, given, sizeof address);
        if (address.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && inet_pton(AF_INET, own, &address.sin_addr) == 1) {
            return next(socket, (const struct sockaddr *)&address, sizeof address);
        }
    }
    return next(socket, given, length);
}

int bind(int socket, const struct sockaddr *address, socklen_t length) {
    return with_own_loopback("bind", socket, address, length);
}

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    return with_own_loopback("connect", socket, address, length);
}
