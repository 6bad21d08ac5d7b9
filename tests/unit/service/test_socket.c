#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "service/socket.h"

TestSuite(socket);

Test(socket, port_0_picks_one_and_says_which)
{
    int fd = -1, second = -1;
    char address[LAT_ADDRESS_SIZE], same[LAT_ADDRESS_SIZE];
    cr_assert_eq(lat_socket_listen("127.0.0.1:0", &fd, address, NULL), LAT_OK);
    cr_assert_eq(strncmp(address, "127.0.0.1:", 10), 0);
    cr_assert_str_neq(address, "127.0.0.1:0");
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_socket_listen(address, &second, same, &err), LAT_CONFLICT);
    cr_assert_str_eq(err.code, "address_in_use");
    cr_assert_eq(second, -1);
    close(fd);
}

Test(socket, text_that_is_no_address_is_refused)
{
    static const char *const bad[] = {
        "",       "127.0.0.1",       "127.0.0.1:", ":x",    "1.2.3.4:65536",
        "::1:80", "127.0.0.1:80:80", "[::1:80",    "a b:80"};
    int fd = -1;
    char address[LAT_ADDRESS_SIZE];
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++)
        cr_assert_eq(lat_socket_listen(bad[i], &fd, address, NULL), LAT_INVALID, "%s", bad[i]);
    cr_assert_eq(fd, -1);
}

static bool is_loopback(const char *text)
{
    bool loopback = false;
    return lat_socket_is_loopback(text, &loopback, NULL) == LAT_OK && loopback;
}

Test(socket, loopback_is_told_apart)
{
    cr_assert(is_loopback("127.0.0.1:80"));
    cr_assert(is_loopback("127.1.2.3:80"));
    cr_assert(is_loopback("[::1]:80"));
    cr_assert_not(is_loopback("0.0.0.0:80"));
    cr_assert_not(is_loopback(":80"));
    cr_assert_not(is_loopback("*:80"));
    cr_assert_not(is_loopback("[::]:80"));
    cr_assert_not(is_loopback("192.0.2.1:80"));
    cr_assert_not(is_loopback("nonsense"));
}
