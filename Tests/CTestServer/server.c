// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CTestServer.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nhello\n";

/// Answers as many requests as there are ends of heads in what came. Requests have no body and come one at a time.
static void serve(int connection) {
    char buffer[4096];
    ssize_t count = recv(connection, buffer, sizeof buffer, 0);
    if (count <= 0) {
        if (count == 0 || errno != EINTR) close(connection);
        return;
    }
    for (ssize_t i = 3; i < count; i++) {
        if (memcmp(buffer + i - 3, "\r\n\r\n", 4) == 0 && send(connection, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) {
            close(connection);
            return;
        }
    }
}

static void serve_while_parent_lives(int listening_socket, pid_t parent) {
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening_socket};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listening_socket, &event);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, 500);
        // Not PR_SET_PDEATHSIG: that is the death of the thread that forked, and threads of a pool come and go.
        if (count == 0 && getppid() != parent) _exit(0);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listening_socket) {
                serve(events[i].data.fd);
                continue;
            }
            int connection = accept(listening_socket, NULL, NULL);
            if (connection < 0) continue;
            event.data.fd = connection;
            epoll_ctl(epoll, EPOLL_CTL_ADD, connection, &event);
        }
    }
}

pid_t seawall_test_server_start(int listening_socket) {
    pid_t parent = getpid();
    pid_t child = fork();
    if (child != 0) return child;
    // Other tests' sockets must close when those tests close them.
    dup2(listening_socket, 3);
    syscall(SYS_close_range, 4u, ~0u, 0u);
    serve_while_parent_lives(3, parent);
    _exit(0);
}
