#pragma once

// One container as its shim knows it, for the files that make up the shim's own process.

#include "shim/shim.h"

enum {
    AGENTS_MAX = 8,
    ORPHAN_GRACE_MS = 3000,  // From SIGTERM to SIGKILL: Mesos' default for a task.
};

struct shim {
    struct plan plan;
    struct wiring wiring;
    struct shim_report report;
    struct failure failure;
    struct memory_end memory;
    struct log out;
    struct log err;
    int agents[AGENTS_MAX];
    int signals;
    int oom;
    pid_t child;    // Init, or the task itself without a pid namespace.
    pid_t lender;   // First process of the pid namespace that a pod's members share; 0: none yet.
    bool reported;  // `status` came from init.
    bool ended;
    int status;             // Of the task, as wait(2) gives it.
    int64_t orphan_due_ms;  // When to act because there is no agent; 0: there is one.
    int orphan_signal;      // The last that was sent for it; 0: none.
};

// The pid namespace is somebody else's: init is only the ancestor of what runs in this container.
static inline bool shares_pids(const struct shim* shim) { return shim->plan.pid_ns[0] != 0; }

static inline bool has_init(const struct shim* shim) {
    return (shim->plan.head->flags & SHIM_NEW_PID_NS) != 0 || shares_pids(shim);
}

static inline bool is_oci(const struct shim* shim) {
    return (shim->plan.head->flags & SHIM_OCI) != 0;
}

static inline bool is_hold(const struct shim* shim) {
    return (shim->plan.head->flags & SHIM_HOLD) != 0;
}

// Makes stdio and logs, starts init or the task, and waits until exec was reached or failed before
// it; `failure` tells.
void start(struct shim* shim);
// The same for a container that the OCI runtime makes; stdio is there.
void oci_start(struct shim* shim);
// Sends a descriptor of the pid namespace in which nested containers may live.
void lend_pid_namespace(struct shim* shim, int to);
// Takes in what init sent: the task's pid, or its end.
void hear_init(struct shim* shim);
