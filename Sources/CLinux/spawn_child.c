// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "include/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Runs between fork and exec: only async-signal-safe calls, since other threads of the parent may have held any lock.
static void become(
    const char *path, char *const arguments[], char *const environment[], int standardOutput, int standardError,
    int report, pid_t parent) {
    int highest;
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) goto failed;
    if (getppid() != parent) _exit(127);  // The parent died before the request above was in force.

    for (int number = 1; number < NSIG; number += 1) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigaction(number, &action, NULL);  // Fails for SIGKILL, SIGSTOP and the C library's own, which is right.
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    // Out of the way of 0, 1 and 2 first, so that no dup2 below overwrites one that is still needed.
    if ((standardOutput = fcntl(standardOutput, F_DUPFD, 3)) < 0) goto failed;
    if ((standardError = fcntl(standardError, F_DUPFD, 3)) < 0) goto failed;
    if ((report = fcntl(report, F_DUPFD_CLOEXEC, 3)) < 0) _exit(127);
    int standardInput = open("/dev/null", O_RDONLY);
    if (standardInput < 0 || dup2(standardInput, 0) < 0) goto failed;
    if (dup2(standardOutput, 1) < 0 || dup2(standardError, 2) < 0) goto failed;
    highest = dup2(report, 3);
    if (highest < 0) goto failed;
    report = highest;
    fcntl(report, F_SETFD, FD_CLOEXEC);
    syscall(SYS_close_range, 4, ~0U, 0);

    execve(path, arguments, environment);
failed:;
    int reason = errno;
    // Nothing can be done when this write fails: the parent then sees a child that ended with 127.
    ssize_t written = write(report, &reason, sizeof reason);
    (void)written;
    _exit(127);
}

int seawall_spawn(
    const char *path, char *const arguments[], char *const environment[], int standardOutput, int standardError,
    pid_t *child) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return errno;
    pid_t parent = getpid();
    pid_t process = fork();
    if (process < 0) {
        int reason = errno;
        close(report[0]);
        close(report[1]);
        return reason;
    }
    if (process == 0) {
        close(report[0]);
        become(path, arguments, environment, standardOutput, standardError, report[1], parent);
    }
    close(report[1]);
    int reason = 0;
    ssize_t length;
    do {
        length = read(report[0], &reason, sizeof reason);
    } while (length < 0 && errno == EINTR);
    close(report[0]);
    if (length == sizeof reason) {
        while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {
        }
        return reason;
    }
    *child = process;
    return 0;
}

int seawall_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int seawall_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
