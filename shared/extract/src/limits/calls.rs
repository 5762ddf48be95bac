//! The system calls that a limited process may make, or may not.

use libc::{
    O_CREAT, O_RDWR, O_TRUNC, O_WRONLY, SYS_add_key, SYS_bpf, SYS_brk, SYS_clock_gettime,
    SYS_clock_nanosleep, SYS_clone, SYS_clone3, SYS_close, SYS_exit, SYS_exit_group, SYS_fchmod,
    SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_fcntl, SYS_fstat, SYS_ftruncate, SYS_futex,
    SYS_getpid, SYS_getrandom, SYS_gettid, SYS_io_uring_setup, SYS_keyctl, SYS_kill, SYS_linkat,
    SYS_lseek, SYS_madvise, SYS_membarrier, SYS_mkdirat, SYS_mknodat, SYS_mmap, SYS_mount,
    SYS_mprotect, SYS_mremap, SYS_munmap, SYS_newfstatat, SYS_open_by_handle_at, SYS_openat,
    SYS_openat2, SYS_perf_event_open, SYS_pidfd_getfd, SYS_pidfd_open, SYS_pidfd_send_signal,
    SYS_ppoll, SYS_pread64, SYS_process_vm_readv, SYS_process_vm_writev, SYS_ptrace, SYS_read,
    SYS_readv, SYS_renameat2, SYS_request_key, SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_getaffinity, SYS_sched_yield,
    SYS_set_robust_list, SYS_setns, SYS_sigaltstack, SYS_socket, SYS_socketpair, SYS_statx,
    SYS_symlinkat, SYS_tgkill, SYS_tkill, SYS_truncate, SYS_umount2, SYS_unlinkat, SYS_unshare,
    SYS_userfaultfd, SYS_wait4, SYS_waitid, SYS_write, SYS_writev,
};

/// What a refused call returns.
pub(super) const EPERM: u32 = 1;

/// Flags of an opened file that could be changed.
pub(super) const WRITING: [u32; 4] = [
    O_WRONLY as u32,
    O_RDWR as u32,
    O_CREAT as u32,
    O_TRUNC as u32,
];

/// The calls that are needed to read an open file and to write to an open pipe; all others are
/// refused.
pub(super) fn reader() -> Vec<i64> {
    let mut calls = vec![
        SYS_read,
        SYS_readv,
        SYS_pread64,
        SYS_write,
        SYS_writev,
        SYS_lseek,
        SYS_close,
        SYS_fcntl,
        SYS_fstat,
        SYS_newfstatat,
        SYS_statx,
        SYS_brk,
        SYS_mmap,
        SYS_munmap,
        SYS_mremap,
        SYS_mprotect,
        SYS_madvise,
        SYS_futex,
        SYS_membarrier,
        SYS_getrandom,
        SYS_clock_gettime,
        SYS_clock_nanosleep,
        SYS_sched_yield,
        SYS_sched_getaffinity,
        SYS_rt_sigaction,
        SYS_rt_sigprocmask,
        SYS_rt_sigreturn,
        SYS_sigaltstack,
        SYS_restart_syscall,
        SYS_getpid,
        SYS_gettid,
        // For `abort`. Landlock prevents signals to other processes where the kernel has it.
        SYS_tgkill,
        SYS_rseq,
        SYS_set_robust_list,
        SYS_ppoll,
        // For the program that reads PDF, which was started before.
        SYS_wait4,
        SYS_waitid,
        SYS_exit,
        SYS_exit_group,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.push(libc::SYS_poll);
    calls
}

/// Calls that the PDF reader does not need: network connections, new processes, changes of files,
/// and access to other processes or to the kernel.
pub(super) fn refused() -> Vec<i64> {
    let mut calls = vec![
        SYS_socket,
        SYS_socketpair,
        SYS_io_uring_setup,
        SYS_clone,
        SYS_clone3,
        SYS_kill,
        SYS_tkill,
        SYS_pidfd_open,
        SYS_pidfd_getfd,
        SYS_pidfd_send_signal,
        SYS_ptrace,
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_unlinkat,
        SYS_renameat2,
        SYS_linkat,
        SYS_symlinkat,
        SYS_mkdirat,
        SYS_mknodat,
        SYS_truncate,
        SYS_ftruncate,
        SYS_fchmod,
        SYS_fchmodat,
        SYS_fchown,
        SYS_fchownat,
        SYS_openat2,
        SYS_open_by_handle_at,
        SYS_mount,
        SYS_umount2,
        SYS_unshare,
        SYS_setns,
        SYS_bpf,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_keyctl,
        SYS_add_key,
        SYS_request_key,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_creat,
        libc::SYS_unlink,
        libc::SYS_rename,
        libc::SYS_renameat,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_mkdir,
        libc::SYS_rmdir,
        libc::SYS_mknod,
        libc::SYS_chmod,
        libc::SYS_chown,
        libc::SYS_lchown,
    ]);
    calls
}

/// The calls that open files, and which argument has the flags.
pub(super) fn opens() -> Vec<(i64, u8)> {
    #[cfg(target_arch = "x86_64")]
    return vec![(SYS_openat, 2), (libc::SYS_open, 1)];
    #[cfg(not(target_arch = "x86_64"))]
    return vec![(SYS_openat, 2)];
}
