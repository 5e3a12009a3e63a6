// SPDX-License-Identifier: Apache-2.0

@main
struct UserServiceMain {
    static func main() {}
}
